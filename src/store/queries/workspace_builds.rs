//! Builds of workspaces and the parameters they were made with.
//!
//! A build's row leaves out what the provisioner remembers, which may be long: that is read alone.

use uuid::Uuid;

use super::workspaces::COLUMNS as WORKSPACE_COLUMNS;
use crate::rbac::Action;
use crate::sdk::{self, WorkspaceTransition};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;
use crate::wire_enum;

wire_enum! {
    /// Why a build was made, in the words of the database, which knows more than the API documents.
    pub enum BuildReason {
        Autodelete = "autodelete",
        Autostart = "autostart",
        Autostop = "autostop",
        Cli = "cli",
        Dashboard = "dashboard",
        Dormancy = "dormancy",
        Failedstop = "failedstop",
        Initiator = "initiator",
        JetbrainsConnection = "jetbrains_connection",
        SshConnection = "ssh_connection",
        TaskAutoPause = "task_auto_pause",
        TaskManualPause = "task_manual_pause",
        TaskResume = "task_resume",
        VscodeConnection = "vscode_connection",
    }
}

impl From<BuildReason> for sdk::Word<sdk::BuildReason> {
    fn from(reason: BuildReason) -> sdk::Word<sdk::BuildReason> {
        let word = reason.as_str();
        sdk::BuildReason::parse(word).map_or_else(|| sdk::Word::Other(word.to_owned()), sdk::Word::Known)
    }
}

rows! {
    /// Which workspace a build is of.
    pub struct BuildOfWorkspace {
        pub id: Uuid,
        pub workspace_id: Uuid,
    }

    /// A row of `workspace_builds`, with what shows of its initiator.
    pub struct WorkspaceBuild {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub workspace_id: Uuid,
        pub template_version_id: Uuid,
        pub build_number: i32,
        pub transition: WorkspaceTransition,
        pub initiator_id: Uuid,
        pub job_id: Uuid,
        pub deadline: Time,
        pub reason: BuildReason,
        pub daily_cost: i32,
        pub max_deadline: Time,
        pub template_version_preset_id: Option<Uuid>,
        pub has_ai_task: Option<bool>,
        pub has_external_agent: Option<bool>,
        pub initiator_by_avatar_url: String,
        pub initiator_by_username: String,
        pub initiator_by_name: String,
    }

    /// A build that is about to be made.
    pub struct NewWorkspaceBuild {
        pub id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub workspace_id: Uuid,
        pub template_version_id: Uuid,
        pub build_number: i32,
        pub transition: WorkspaceTransition,
        pub initiator_id: Uuid,
        pub job_id: Uuid,
        pub provisioner_state: Option<Vec<u8>>,
        pub deadline: Time,
        pub max_deadline: Time,
        pub reason: BuildReason,
        pub template_version_preset_id: Option<Uuid>,
    }

    /// How long a script in a workspace took.
    pub struct AgentScriptTiming {
        pub started_at: Time,
        pub ended_at: Time,
        pub exit_code: i32,
        pub stage: sdk::TimingStage,
        pub status: String,
        pub display_name: String,
        pub workspace_agent_id: Uuid,
        pub workspace_agent_name: String,
    }

    /// A row of `workspace_build_parameters`.
    pub struct WorkspaceBuildParameter {
        pub workspace_build_id: Uuid,
        pub name: String,
        pub value: String,
    }
}

/// What a transition asks of the subject.
pub const fn transition_action(transition: WorkspaceTransition) -> Action {
    match transition {
        WorkspaceTransition::Start => Action::Start,
        WorkspaceTransition::Stop => Action::Stop,
        WorkspaceTransition::Delete => Action::Delete,
    }
}

/// A build is checked by what it does. Whoever may delete prebuilt workspaces may delete one though
/// other workspaces are out of reach.
fn may_build(db: &Db, workspace_id: Uuid, transition: WorkspaceTransition) -> Result<(), Error> {
    let workspace = db.unguarded().get_workspace_by_id(workspace_id)?;
    let action = transition_action(transition);
    match db.require_on(action, &workspace) {
        Err(Error::Denied(_)) if action == Action::Delete && workspace.is_prebuild() => {
            db.require(action, &workspace.prebuilt_object())
        }
        answer => answer,
    }
}

/// Parameters are checked by what their build does, never as an update.
fn may_insert_parameters(db: &Db, build_id: Uuid) -> Result<(), Error> {
    let build = db.unguarded().get_workspace_build_by_id(build_id)?;
    may_build(db, build.workspace_id, build.transition)
}

queries! {
    /// The workspaces that these builds are of.
    GetWorkspaceBuildByID = get_workspace_ids_of_builds(db, ids: &[Uuid]) -> many BuildOfWorkspace;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_builds WHERE id IN [:ids]";

    /// A build by id.
    GetWorkspaceBuildByID = get_workspace_build_by_id(db, id: Uuid) -> one WorkspaceBuild;
        allow(via Read |row| db.unguarded().get_workspace_by_id(row.workspace_id)?),
        sql "SELECT {row} FROM workspace_build_with_user WHERE id = :id";

    /// The build that a job makes.
    GetWorkspaceBuildByJobID = get_workspace_build_by_job_id(db, job_id: Uuid) -> one WorkspaceBuild;
        allow(via Read |row| db.unguarded().get_workspace_by_id(row.workspace_id)?),
        sql "SELECT {row} FROM workspace_build_with_user WHERE job_id = :job_id";

    /// A build by its number.
    GetWorkspaceBuildByWorkspaceIDAndBuildNumber = get_workspace_build_by_number(db, workspace_id: Uuid, build_number: i32) -> one WorkspaceBuild;
        allow(on Read db.unguarded().get_workspace_by_id(workspace_id)?),
        sql "SELECT {row} FROM workspace_build_with_user WHERE workspace_id = :workspace_id AND build_number = :build_number";

    /// The newest build of a workspace.
    GetLatestWorkspaceBuildByWorkspaceID = get_latest_workspace_build_by_workspace_id(db, workspace_id: Uuid) -> one WorkspaceBuild;
        allow(on Read db.unguarded().get_workspace_by_id(workspace_id)?),
        sql "SELECT {row} FROM workspace_build_with_user WHERE workspace_id = :workspace_id ORDER BY build_number DESC LIMIT 1";

    /// The newest build of each of these workspaces.
    GetLatestWorkspaceBuildsByWorkspaceIDs = get_latest_workspace_builds_by_workspace_ids(db, ids: &[Uuid]) -> many WorkspaceBuild;
        allow(system Read System),
        sql "SELECT {row} FROM workspace_build_with_user WHERE id IN
            (SELECT (SELECT b.id FROM workspace_builds b WHERE b.workspace_id = w.id ORDER BY b.build_number DESC LIMIT 1) FROM workspaces w WHERE w.id IN [:ids])";

    /// Builds of a workspace, newest first: from a time on, above a number, so many past so many.
    /// Negative limits are none.
    GetWorkspaceBuildsByWorkspaceID = get_workspace_builds_by_workspace_id(db, workspace_id: Uuid, since: Time, above_number: i32, limit: i64, offset: i64) -> many WorkspaceBuild;
        allow(on Read db.unguarded().get_workspace_by_id(workspace_id)?),
        sql "SELECT {row} FROM workspace_build_with_user WHERE workspace_id = :workspace_id AND created_at > :since AND build_number > :above_number
            ORDER BY build_number DESC LIMIT :limit OFFSET :offset",
        pg "SELECT {row} FROM workspace_build_with_user WHERE workspace_id = :workspace_id AND created_at > :since AND build_number > :above_number
            ORDER BY build_number DESC LIMIT CASE WHEN :limit >= 0 THEN :limit END OFFSET :offset";

    /// What the provisioner remembers of a build.
    GetWorkspaceBuildByID = get_workspace_build_provisioner_state(db, id: Uuid) -> one Option<Vec<u8>>;
        allow(on Read db.unguarded().get_workspace_by_id(db.unguarded().get_workspace_build_by_id(id)?.workspace_id)?),
        sql "SELECT provisioner_state FROM workspace_builds WHERE id = :id";

    /// Keeps a new build.
    InsertWorkspaceBuild = insert_workspace_build(db, new: &NewWorkspaceBuild) -> exec;
        allow(check may_build(db, new.workspace_id, new.transition)),
        sql "INSERT INTO workspace_builds {insert}";

    /// Keeps the parameters of a build: two lists of the same length.
    InsertWorkspaceBuildParameters = insert_workspace_build_parameters(db, workspace_build_id: Uuid, names: &[String], values: &[String]) -> exec;
        allow(check may_insert_parameters(db, workspace_build_id)),
        sql "INSERT INTO workspace_build_parameters (workspace_build_id, name, value)
            SELECT :workspace_build_id, n.value, v.value FROM json_each(:names) n JOIN json_each(:values) v ON v.key = n.key",
        pg "INSERT INTO workspace_build_parameters (workspace_build_id, name, value)
            SELECT :workspace_build_id, p.name, p.value FROM unnest(:names::text[], :values::text[]) AS p(name, value)";

    /// The parameters of a build.
    GetWorkspaceBuildParameters = get_workspace_build_parameters(db, workspace_build_id: Uuid) -> many WorkspaceBuildParameter;
        allow(on Read db.unguarded().get_workspace_by_id(db.unguarded().get_workspace_build_by_id(workspace_build_id)?.workspace_id)?),
        sql "SELECT {row} FROM workspace_build_parameters WHERE workspace_build_id = :workspace_build_id ORDER BY name";

    /// The parameters of these builds, as far as their workspaces may be seen.
    GetWorkspaceBuildParametersByBuildIDs = get_workspace_build_parameters_by_build_ids(db, ids: &[Uuid]) -> many WorkspaceBuildParameter;
        allow(filter Read Workspace WORKSPACE_COLUMNS),
        sql "SELECT {row:p} FROM workspace_build_parameters p
            JOIN workspace_builds b ON b.id = p.workspace_build_id JOIN workspaces w ON w.id = b.workspace_id
            WHERE p.workspace_build_id IN [:ids] AND {filter} ORDER BY p.workspace_build_id, p.name";

    /// Until when a running build may run.
    UpdateWorkspaceBuildDeadlineByID = update_workspace_build_deadline_by_id(db, id: Uuid, deadline: Time, max_deadline: Time, updated_at: Time) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(db.unguarded().get_workspace_build_by_id(id)?.workspace_id)?),
        sql "UPDATE workspace_builds SET deadline = :deadline, max_deadline = :max_deadline, updated_at = :updated_at WHERE id = :id";

    /// What the provisioner remembers of a build.
    UpdateWorkspaceBuildProvisionerStateByID = update_workspace_build_provisioner_state_by_id(db, id: Uuid, provisioner_state: Option<Vec<u8>>, updated_at: Time) -> exec;
        allow(system Update System),
        sql "UPDATE workspace_builds SET provisioner_state = :provisioner_state, updated_at = :updated_at WHERE id = :id";

    /// What a finished build turned out to hold.
    UpdateWorkspaceBuildFlagsByID = update_workspace_build_flags_by_id(db, id: Uuid, has_ai_task: Option<bool>, has_external_agent: Option<bool>, updated_at: Time) -> exec;
        allow(on Update db.unguarded().get_workspace_by_id(db.unguarded().get_workspace_build_by_id(id)?.workspace_id)?),
        sql "UPDATE workspace_builds SET has_ai_task = :has_ai_task, has_external_agent = :has_external_agent, updated_at = :updated_at WHERE id = :id";

    /// What a build costs a day.
    UpdateWorkspaceBuildCostByID = update_workspace_build_cost_by_id(db, id: Uuid, daily_cost: i32) -> exec;
        allow(system Update System),
        sql "UPDATE workspace_builds SET daily_cost = :daily_cost WHERE id = :id";

    /// How many parameters of the first kind, which are no longer supported, an import found.
    GetParameterSchemasByJobID = get_parameter_schema_count_by_job_id(db, job_id: Uuid) -> one i64;
        allow(on Read db.unguarded().get_provisioner_job_target(job_id)?),
        sql "SELECT count(*) FROM parameter_schemas WHERE job_id = :job_id";

    /// How long the scripts of a build's agents took.
    GetWorkspaceAgentScriptTimingsByBuildID = get_workspace_agent_script_timings_by_build_id(db, build_id: Uuid) -> many AgentScriptTiming;
        allow(system Read System),
        sql "SELECT t.started_at, t.ended_at, t.exit_code, t.stage, t.status, s.display_name, a.id, a.name
            FROM workspace_agent_script_timings t
            JOIN workspace_agent_scripts s ON s.id = t.script_id
            JOIN workspace_agents a ON a.id = s.workspace_agent_id
            JOIN workspace_resources r ON r.id = a.resource_id
            JOIN workspace_builds b ON b.job_id = r.job_id
            WHERE b.id = :build_id ORDER BY t.started_at";
}
