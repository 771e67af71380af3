//! Works out the values that a build is made with: what was asked for now, what a preset says, what
//! the build before had, what the template says by default.
//!
//! Templates go by one of two flows. In the classic one ([`classic`]) the version's parameters are
//! fixed, and each is resolved by itself. In the dynamic one ([`dynamic`]) a [`Renderer`] says which
//! parameters there are, given the owner and the values so far. Values for names that are no
//! parameters are left out by both.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Error, validate};
use crate::parameters::{Named, Renderer, diagnostics};
use crate::sdk::{self, WorkspaceBuildParameter};
use crate::store::queries::template_versions::TemplateVersionParameter;

/// Where values come from, weakest first but for the preset, which beats what is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<'a> {
    /// Those of the build before.
    pub previous: &'a [WorkspaceBuildParameter],
    /// Those that were asked for.
    pub wanted: &'a [WorkspaceBuildParameter],
    /// Those of the preset.
    pub preset: &'a [WorkspaceBuildParameter],
}

/// The values of the classic flow, in the order of the parameters.
pub fn classic(
    parameters: &[TemplateVersionParameter],
    sources: Sources<'_>,
) -> Result<Vec<WorkspaceBuildParameter>, Error> {
    parameters
        .iter()
        .map(|p| {
            let new = find(sources.preset, &p.name).or_else(|| find(sources.wanted, &p.name));
            let value = resolve(p, new, find(sources.previous, &p.name))
                .map_err(|why| Error::refused(400, format!("Unable to validate parameter {:?}", p.name), why))?;
            Ok(WorkspaceBuildParameter { name: p.name.clone(), value })
        })
        .collect()
}

/// The value of one parameter, given the one chosen now and the one before.
pub fn resolve(
    parameter: &TemplateVersionParameter,
    new: Option<&str>,
    previous: Option<&str>,
) -> Result<String, String> {
    if !parameter.mutable && new.is_some() && previous.is_some() && new != previous {
        return Err(not_mutable(&parameter.name));
    }
    if parameter.required && new.is_none() && previous.is_none() {
        return Err(format!("Parameter {:?} is required but not provided", parameter.name));
    }
    let kept = if parameter.ephemeral { None } else { previous };
    let value = new.or(kept).unwrap_or(&parameter.default_value);
    validate::check(parameter, value, previous).map_err(|why| {
        let name = if parameter.display_name.is_empty() { &parameter.name } else { &parameter.display_name };
        format!("can't validate build parameter {name:?}: {why}")
    })?;
    Ok(value.to_owned())
}

fn not_mutable(name: &str) -> String {
    format!("Parameter {name:?} is not mutable, so it can't be updated after creating a workspace.")
}

fn find<'a>(values: &'a [WorkspaceBuildParameter], name: &str) -> Option<&'a str> {
    values.iter().find(|v| v.name == name).map(|v| v.value.as_str())
}

/// The values of the dynamic flow, by name.
pub fn dynamic(
    renderer: &dyn Renderer,
    owner: Uuid,
    first_build: bool,
    sources: Sources<'_>,
) -> Result<Vec<WorkspaceBuildParameter>, Error> {
    let previous = by_name(sources.previous);
    let mut values = previous.clone();
    values.extend(by_name(sources.wanted));
    values.extend(by_name(sources.preset));
    let chosen_now = |name: &str| find(sources.wanted, name).is_some() || find(sources.preset, name).is_some();

    // First as the form looked before: what was valid then must not break now.
    let before = renderer.render(owner, &previous)?;
    no_errors(&before.diagnostics)?;
    for parameter in before.parameters.iter().flatten().filter(|p| p.ephemeral && !chosen_now(&p.name)) {
        values.remove(&parameter.name);
    }
    let after = renderer.render(owner, &values)?;
    no_errors(&after.diagnostics)?;

    let mut wrong = Named::new();
    let parameters = after.parameters.unwrap_or_default();
    for parameter in &parameters {
        let mut of_it = Vec::new();
        let changed = previous.get(&parameter.name).is_some_and(|before| *before != parameter.value.value);
        if !first_build && !parameter.mutable && changed {
            of_it.push(diagnostics::error("Immutable parameter changed", not_mutable(&parameter.name)));
        }
        if diagnostics::has_errors(&parameter.diagnostics) {
            of_it.extend(parameter.diagnostics.iter().cloned());
        }
        if !of_it.is_empty() {
            wrong.entry(parameter.name.clone()).or_default().extend(of_it);
        }
        // A default is kept as if it had been chosen, so that a later default does not move this workspace.
        if parameter.value.valid && !values.contains_key(&parameter.name) {
            values.insert(parameter.name.clone(), parameter.value.value.clone());
        }
    }
    refuse(diagnostics::refusal(UNABLE, &[], &wrong))?;
    let names: BTreeSet<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
    values.retain(|name, _| names.contains(name.as_str()));
    Ok(values.into_iter().map(|(name, value)| WorkspaceBuildParameter { name, value }).collect())
}

const UNABLE: &str = "Unable to validate parameters";

fn by_name(values: &[WorkspaceBuildParameter]) -> BTreeMap<String, String> {
    values.iter().map(|v| (v.name.clone(), v.value.clone())).collect()
}

fn no_errors(found: &[sdk::FriendlyDiagnostic]) -> Result<(), Error> {
    refuse(diagnostics::refusal(UNABLE, found, &Named::new()))
}

fn refuse(body: Option<sdk::Response>) -> Result<(), Error> {
    body.map_or(Ok(()), |body| Err(Error::Refused { status: 400, body: Box::new(body) }))
}

#[cfg(test)]
mod tests {
    use super::super::validate::tests::parameter;
    use super::*;
    use crate::parameters::stored::StoredForm;

    fn values(pairs: &[(&str, &str)]) -> Vec<WorkspaceBuildParameter> {
        pairs.iter().map(|(n, v)| WorkspaceBuildParameter { name: (*n).into(), value: (*v).into() }).collect()
    }

    fn declared() -> Vec<TemplateVersionParameter> {
        vec![
            parameter("region", "string", "eu"),
            TemplateVersionParameter { mutable: false, ..parameter("disk", "number", "10") },
            TemplateVersionParameter { ephemeral: true, ..parameter("force", "bool", "false") },
        ]
    }

    fn pairs(values: Result<Vec<WorkspaceBuildParameter>, Error>) -> Result<Vec<(String, String)>, String> {
        match values {
            Ok(values) => {
                let mut pairs: Vec<_> = values.into_iter().map(|v| (v.name, v.value)).collect();
                pairs.sort();
                Ok(pairs)
            }
            Err(e) => Err(e.to_string()),
        }
    }

    /// Both flows agree where parameters are fixed.
    fn both(
        declared: &[TemplateVersionParameter],
        first: bool,
        sources: Sources<'_>,
    ) -> [Result<Vec<(String, String)>, String>; 2] {
        let form = StoredForm::new(declared.to_vec());
        [pairs(classic(declared, sources)), pairs(dynamic(&form, Uuid::nil(), first, sources))]
    }

    #[test]
    fn values_come_from_preset_then_request_then_the_build_before_then_the_default() {
        let previous = values(&[("region", "us"), ("disk", "20"), ("force", "true"), ("gone", "x")]);
        let wanted = values(&[("region", "asia"), ("unknown", "1")]);
        let preset = values(&[("region", "moon")]);
        for (first, sources, want) in [
            (true, Sources::default(), [("disk", "10"), ("force", "false"), ("region", "eu")]),
            (
                false,
                Sources { previous: &previous, ..Sources::default() },
                [("disk", "20"), ("force", "false"), ("region", "us")],
            ),
            (
                false,
                Sources { previous: &previous, wanted: &wanted, ..Sources::default() },
                [("disk", "20"), ("force", "false"), ("region", "asia")],
            ),
            (
                false,
                Sources { previous: &previous, wanted: &wanted, preset: &preset },
                [("disk", "20"), ("force", "false"), ("region", "moon")],
            ),
        ] {
            let want: Vec<_> = want.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            for got in both(&declared(), first, sources) {
                assert_eq!(got.as_ref(), Ok(&want), "{sources:?}");
            }
        }
    }

    #[test]
    fn a_parameter_that_cannot_change_keeps_its_value_and_a_new_one_may_be_set() {
        let previous = values(&[("disk", "20")]);
        let other = values(&[("disk", "30")]);
        let same = values(&[("disk", "20")]);
        for (sources, fits) in [
            (Sources { previous: &previous, wanted: &other, ..Sources::default() }, false),
            (Sources { previous: &previous, wanted: &same, ..Sources::default() }, true),
            (Sources { wanted: &other, ..Sources::default() }, true),
        ] {
            for got in both(&declared(), false, sources) {
                assert_eq!(got.is_ok(), fits, "{sources:?}: {got:?}");
            }
        }
    }

    #[test]
    fn what_is_required_must_be_given_once() {
        let required = [TemplateVersionParameter { required: true, ..parameter("zone", "string", "") }];
        let given = values(&[("zone", "a")]);
        for (sources, fits) in [
            (Sources::default(), false),
            (Sources { wanted: &given, ..Sources::default() }, true),
            (Sources { previous: &given, ..Sources::default() }, true),
        ] {
            assert_eq!(classic(&required, sources).is_ok(), fits, "{sources:?}");
        }
    }

    #[test]
    fn errors_of_the_dynamic_flow_name_their_parameter() {
        let form = StoredForm::new(vec![parameter("on", "bool", "true"), parameter("b", "number", "1")]);
        let wanted = values(&[("on", "perhaps"), ("b", "x")]);
        let sources = Sources { wanted: &wanted, ..Sources::default() };
        let Err(Error::Refused { status: 400, body }) = dynamic(&form, Uuid::nil(), true, sources) else {
            panic!("it must be refused");
        };
        let fields: Vec<&str> = body.validations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["b", "on"]);
    }
}
