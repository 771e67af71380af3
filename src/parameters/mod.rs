//! The form of a template version: which parameters it has for an owner who chose some values, what is
//! wrong with those values, and which provisioner tags they give.
//!
//! Start at [`Form::prepare`]. A version that was imported by a provisioner of today is evaluated anew for
//! every render ([`template`], which reads blocks with [`block`] and [`parameter`]); one of a provisioner
//! of old has the parameters that its import stored ([`stored`]). [`tags`] asks a template for the tags of
//! its own import. Which values a build is made with is not decided here.

pub mod block;
pub mod diagnostics;
pub mod form;
mod owner;
pub mod parameter;
mod presets;
pub mod stored;
pub mod tags;
pub mod template;

use std::collections::BTreeMap;

use uuid::Uuid;

pub use form::Form;

use crate::sdk::{FriendlyDiagnostic, PreviewParameter};
use crate::store;

/// Says which parameters a version has for an owner who chose some values, and what is wrong with
/// them.
pub trait Renderer {
    /// The form of these values.
    fn render(&self, owner: Uuid, values: &BTreeMap<String, String>) -> Result<Rendered, store::Error>;
}

/// What is wrong, by what it is wrong with.
pub type Named = BTreeMap<String, Vec<FriendlyDiagnostic>>;

/// What a version asks for.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// The parameters in order, with their values, and what is wrong with each; nothing when it cannot
    /// be said.
    pub parameters: Option<Vec<PreviewParameter>>,
    /// The tags that builds of it get.
    pub tags: BTreeMap<String, String>,
    /// Tags without a usable value.
    pub wrong_tags: Named,
    /// Presets that do not go with the parameters.
    pub wrong_presets: Named,
    /// What is wrong with all of it.
    pub diagnostics: Vec<FriendlyDiagnostic>,
}
