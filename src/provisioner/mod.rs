//! Provisioners: what turns a template into the resources of a workspace.
//!
//! [`types`] holds the protocol's data and [`Session`] its order of phases, which is the same whoever
//! does the work. `embedded` does it in this process for templates that need no provider but
//! `coder`, `terraform` and `null`; [`hcl`] is the language those templates are written in, evaluated
//! apart from any plan; [`source`] reads a template out of its archive. The rooms decide nothing about
//! jobs, users or rows: the job runner calls in with values and gets values back.

pub mod embedded;
pub mod hcl;
pub mod source;
pub mod types;

pub use types::*;

/// Where a running phase writes its log, and asks whether it should go on.
pub trait Sink: Sync {
    /// Takes one line. The stage it belongs to is the caller's affair.
    fn log(&self, level: LogLevel, output: &str);
    /// Whether the job was canceled; a phase stops as soon as it sees this.
    fn canceled(&self) -> bool;
}

/// Why a phase failed.
#[derive(Clone, Debug, Default, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What the job reports, in the words that clients know (`terraform plan: exit status 1`) where
    /// the log says the rest, or the whole story where clients know no words for it.
    pub message: String,
    /// What was wrong, in full; the log has it too.
    pub detail: String,
    /// The state as far as apply came. `None` when nothing was touched.
    pub state: Option<Vec<u8>>,
    /// How long it took to fail.
    pub timings: Vec<Timing>,
}

/// One job's dealings with a provisioner. The phases go `init`, `parse`, `plan`, `apply`, with `graph`
/// after a plan or an apply; an import plans several times.
pub trait Session: Send {
    /// Takes the template in.
    fn init(&mut self, request: InitRequest, sink: &dyn Sink) -> Result<InitComplete, Failure>;
    /// Reads what the template declares.
    fn parse(&mut self, sink: &dyn Sink) -> Result<ParseComplete, Failure>;
    /// Works out what has to happen.
    fn plan(&mut self, request: PlanRequest, sink: &dyn Sink) -> Result<PlanComplete, Failure>;
    /// Makes the last plan happen.
    fn apply(&mut self, sink: &dyn Sink) -> Result<ApplyComplete, Failure>;
    /// Draws up the resources of the last plan, or of the state after the last apply.
    fn graph(&mut self, from: GraphSource, sink: &dyn Sink) -> Result<GraphComplete, Failure>;
}
