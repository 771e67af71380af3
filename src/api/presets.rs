//! Presets of template versions.

use super::routes::Routes;
use super::{Cx, Reply, lookup, reply};
use crate::sdk;
use crate::store::queries::presets::InvalidatedPreset;

/// The routes answered here.
pub fn routes(r: &mut Routes) {
    r.user("GET", "/api/v2/templateversions/{templateversion}/presets", get_presets);
    r.user_of(
        sdk::FeatureName::WorkspacePrebuilds,
        "POST",
        "/api/v2/templates/{template}/prebuilds/invalidate",
        post_invalidate,
    );
}

/// Has the prebuilt workspaces of a template's active version replaced.
fn post_invalidate(cx: &Cx) -> Reply {
    let template = lookup::template(cx)?;
    let found = cx.db().update_presets_last_invalidated_at(template.id, cx.now())?;
    let show = |preset: InvalidatedPreset| sdk::InvalidatedPreset {
        template_name: preset.template_name,
        template_version_name: preset.template_version_name,
        preset_name: preset.template_version_preset_name,
    };
    reply::ok(&sdk::InvalidatePresetsResponse { invalidated: found.into_iter().map(show).collect() })
}

/// The presets of a version; null when there are none.
fn get_presets(cx: &Cx) -> Reply {
    let version = lookup::template_version(cx)?;
    let presets = cx.db().get_presets_by_template_version_id(version.id)?;
    let values = cx.db().get_preset_parameters_by_template_version_id(version.id)?;
    let shown: Vec<sdk::Preset> = presets
        .into_iter()
        .map(|preset| sdk::Preset {
            parameters: {
                let own = values.iter().filter(|value| value.template_version_preset_id == preset.id);
                let own = own.map(|v| sdk::PresetParameter { name: v.name.clone(), value: v.value.clone() });
                Some(own.collect::<Vec<_>>()).filter(|own| !own.is_empty())
            },
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
