//! Presets of template versions: parameter values that go together, and how many workspaces to keep
//! in stock for them.

use uuid::Uuid;

use crate::store::queries::template_versions::VersionScope;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;
use crate::wire_enum;

wire_enum! {
    /// Whether workspaces can be kept in stock for a preset.
    pub enum PrebuildStatus {
        HardLimited = "hard_limited",
        Healthy = "healthy",
        ValidationFailed = "validation_failed",
    }
}

rows! {
    /// A row of `template_version_presets`.
    pub struct Preset {
        pub id: Uuid,
        pub template_version_id: Uuid,
        pub name: String,
        pub created_at: Time,
        pub desired_instances: Option<i32>,
        pub invalidate_after_secs: Option<i32>,
        pub prebuild_status: PrebuildStatus,
        pub scheduling_timezone: String,
        pub is_default: bool,
        pub description: String,
        pub icon: String,
        pub last_invalidated_at: Option<Time>,
    }

    /// A row of `template_version_preset_parameters`.
    pub struct PresetParameter {
        pub id: Uuid,
        pub template_version_preset_id: Uuid,
        pub name: String,
        pub value: String,
    }

    /// A row of `template_version_preset_prebuild_schedules`.
    pub struct PresetPrebuildSchedule {
        pub id: Uuid,
        pub preset_id: Uuid,
        pub cron_expression: String,
        pub desired_instances: i32,
    }

    /// A preset whose prebuilt workspaces are to be replaced, by its names.
    pub struct InvalidatedPreset {
        pub template_name: String,
        pub template_version_name: String,
        pub template_version_preset_name: String,
    }
}

queries! {
    /// The presets of a version.
    GetPresetsByTemplateVersionID = get_presets_by_template_version_id(db, template_version_id: Uuid) -> many Preset;
        allow(on Read VersionScope::of_version(db, template_version_id)?),
        sql "SELECT {row} FROM template_version_presets WHERE template_version_id = :template_version_id ORDER BY created_at, name";

    /// A preset by id.
    GetPresetByID = get_preset_by_id(db, id: Uuid) -> one Preset;
        allow(via Read |preset| VersionScope::of_version(db, preset.template_version_id)?),
        sql "SELECT {row} FROM template_version_presets WHERE id = :id";

    /// The preset that a build was made with.
    GetPresetByWorkspaceBuildID = get_preset_by_workspace_build_id(db, workspace_build_id: Uuid) -> one Preset;
        allow(system Read Template),
        sql "SELECT {row:p} FROM template_version_presets p
            JOIN workspace_builds b ON b.template_version_preset_id = p.id WHERE b.id = :workspace_build_id";

    /// The values of all presets of a version.
    GetPresetParametersByTemplateVersionID = get_preset_parameters_by_template_version_id(db, template_version_id: Uuid) -> many PresetParameter;
        allow(on Read VersionScope::of_version(db, template_version_id)?),
        sql "SELECT {row:v} FROM template_version_preset_parameters v
            JOIN template_version_presets p ON p.id = v.template_version_preset_id
            WHERE p.template_version_id = :template_version_id ORDER BY v.name";

    /// The values of a preset.
    GetPresetParametersByPresetID = get_preset_parameters_by_preset_id(db, preset_id: Uuid) -> many PresetParameter;
        allow(on Read VersionScope::of_version(db, db.unguarded().get_preset_by_id(preset_id)?.template_version_id)?),
        sql "SELECT {row} FROM template_version_preset_parameters WHERE template_version_preset_id = :preset_id ORDER BY name";

    /// Keeps a preset that an import found.
    InsertPreset = insert_preset(db, preset: &Preset) -> exec;
        allow(system Update Template),
        sql "INSERT INTO template_version_presets {insert}";

    /// Keeps the values of a preset: ids, names and values side by side.
    InsertPresetParameters = insert_preset_parameters(db, preset_id: Uuid, ids: &[Uuid], names: &[String], values: &[String]) -> exec;
        allow(system Update Template),
        sql "INSERT INTO template_version_preset_parameters (id, template_version_preset_id, name, value)
            SELECT i.value, :preset_id, n.value, v.value FROM json_each(:ids) i
            JOIN json_each(:names) n ON n.key = i.key JOIN json_each(:values) v ON v.key = i.key",
        pg "INSERT INTO template_version_preset_parameters (id, template_version_preset_id, name, value)
            SELECT unnest(:ids::uuid[]), :preset_id, unnest(:names::text[]), unnest(:values::text[])";

    /// Keeps at which times how many workspaces are kept for a preset.
    InsertPresetPrebuildSchedule = insert_preset_prebuild_schedule(db, schedule: &PresetPrebuildSchedule) -> exec;
        allow(system Update Template),
        sql "INSERT INTO template_version_preset_prebuild_schedules {insert}";

    /// The schedules of the presets of all active versions.
    GetActivePresetPrebuildSchedules = get_active_preset_prebuild_schedules(db) -> many PresetPrebuildSchedule;
        allow(system Read Template),
        sql "SELECT {row:s} FROM template_version_preset_prebuild_schedules s
            JOIN template_version_presets p ON p.id = s.preset_id
            JOIN templates t ON t.active_version_id = p.template_version_id
            WHERE t.deleted = FALSE AND t.deprecated = ''";

    /// Whether workspaces can be made for a preset.
    UpdatePresetPrebuildStatus = update_preset_prebuild_status(db, id: Uuid, prebuild_status: PrebuildStatus) -> exec;
        allow(system Update Template),
        sql "UPDATE template_version_presets SET {set} WHERE id = :id";

    /// Has the prebuilt workspaces of a template's active version replaced.
    UpdatePresetsLastInvalidatedAt = update_presets_last_invalidated_at(db, template_id: Uuid, last_invalidated_at: Time) -> many InvalidatedPreset;
        allow(on Update db.unguarded().get_template_by_id(template_id)?),
        sql "UPDATE template_version_presets SET last_invalidated_at = :last_invalidated_at
            FROM templates t JOIN template_versions v ON v.id = t.active_version_id
            WHERE t.id = :template_id AND template_version_presets.template_version_id = v.id
            RETURNING (SELECT name FROM templates WHERE id = :template_id),
                (SELECT name FROM template_versions WHERE id = template_version_presets.template_version_id), name",
        pg "UPDATE template_version_presets p SET last_invalidated_at = :last_invalidated_at
            FROM templates t JOIN template_versions v ON v.id = t.active_version_id
            WHERE t.id = :template_id AND p.template_version_id = v.id RETURNING t.name, v.name, p.name";
}
