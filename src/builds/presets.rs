//! Which preset of a version some values amount to.

use std::collections::HashMap;

use uuid::Uuid;

use crate::sdk::WorkspaceBuildParameter;
use crate::store::queries::presets::PresetParameter;
use crate::store::{self, Db};

/// The preset of a version that these values amount to, if there is one.
pub fn find_matching(
    db: &Db,
    template_version_id: Uuid,
    values: &[WorkspaceBuildParameter],
) -> Result<Option<Uuid>, store::Error> {
    let presets = db.get_presets_by_template_version_id(template_version_id)?;
    if presets.is_empty() {
        return Ok(None);
    }
    let parameters = db.get_preset_parameters_by_template_version_id(template_version_id)?;
    Ok(best_match(presets.iter().map(|p| p.id), &parameters, values))
}

/// A preset matches when each of its values is among those given; the one with most values wins, and
/// one without any matches whatever is given.
fn best_match(
    presets: impl Iterator<Item = Uuid>,
    parameters: &[PresetParameter],
    values: &[WorkspaceBuildParameter],
) -> Option<Uuid> {
    let given: HashMap<&str, &str> = values.iter().map(|v| (v.name.as_str(), v.value.as_str())).collect();
    let mut best: Option<(usize, Uuid)> = None;
    for preset in presets {
        let wanted: Vec<_> = parameters.iter().filter(|p| p.template_version_preset_id == preset).collect();
        let matches = wanted.iter().all(|p| given.get(p.name.as_str()) == Some(&p.value.as_str()));
        if matches && best.is_none_or(|(most, _)| wanted.len() > most) {
            best = Some((wanted.len(), preset));
        }
    }
    best.map(|(_, preset)| preset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_with_most_matching_values_wins() {
        let [small, big, empty] = [1, 2, 3].map(Uuid::from_u128);
        let row = |preset, name: &str, value: &str| PresetParameter {
            id: Uuid::nil(),
            template_version_preset_id: preset,
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let rows = [row(small, "cpu", "2"), row(big, "cpu", "2"), row(big, "disk", "50")];
        let given = |pairs: &[(&str, &str)]| -> Vec<WorkspaceBuildParameter> {
            pairs.iter().map(|(n, v)| WorkspaceBuildParameter { name: (*n).into(), value: (*v).into() }).collect()
        };
        for (presets, values, want) in [
            (vec![small, big], given(&[("cpu", "2"), ("disk", "50"), ("zone", "a")]), Some(big)),
            (vec![small, big], given(&[("cpu", "2")]), Some(small)),
            (vec![small, big], given(&[("cpu", "4")]), None),
            (vec![small, big, empty], given(&[]), Some(empty)),
            (vec![], given(&[("cpu", "2")]), None),
        ] {
            assert_eq!(best_match(presets.iter().copied(), &rows, &values), want, "{presets:?} {values:?}");
        }
    }
}
