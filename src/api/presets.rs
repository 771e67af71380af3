//! Presets of template versions.

use super::routes::Routes;
use super::{Cx, Reply, lookup, reply};
use crate::sdk;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/templateversions/{templateversion}/presets", get_presets);
}

/// The presets of a version; null when there are none.
fn get_presets(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    let presets = cx.db().get_presets_by_template_version_id(version.id)?;
    let values = cx.db().get_preset_parameters_by_template_version_id(version.id)?;
    let shown: Vec<sdk::Preset> = presets
        .into_iter()
        .map(|preset| sdk::Preset {
            parameters: values
                .iter()
                .filter(|value| value.template_version_preset_id == preset.id)
                .map(|value| sdk::PresetParameter { name: value.name.clone(), value: value.value.clone() })
                .collect(),
            id: preset.id,
            name: preset.name,
            default: preset.is_default,
            desired_prebuild_instances: preset.desired_instances.map(i64::from),
            description: preset.description,
            icon: preset.icon,
        })
        .collect();
    reply::ok(&Some(shown).filter(|presets| !presets.is_empty()))
}
