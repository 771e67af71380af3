//! What workspaces cost, and what groups allow them to.

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::store::query::queries;

queries! {
    /// What a user's workspaces in an organization cost a day, as of their latest builds.
    GetQuotaConsumedForUser = get_quota_consumed_for_user(db, owner_id: Uuid, organization_id: Uuid) -> one i64;
        allow(object Read Object::of(Resource::User).id(owner_id).owner(owner_id)),
        sql "SELECT coalesce(sum(b.daily_cost), 0) FROM workspaces w
            JOIN workspace_builds b ON b.workspace_id = w.id
                AND b.build_number = (SELECT max(build_number) FROM workspace_builds WHERE workspace_id = w.id)
            WHERE w.owner_id = :owner_id AND w.organization_id = :organization_id AND w.deleted = FALSE";

    /// What a user's groups in an organization allow a day.
    GetQuotaAllowanceForUser = get_quota_allowance_for_user(db, user_id: Uuid, organization_id: Uuid) -> one i64;
        allow(object Read Object::of(Resource::User).id(user_id).owner(user_id)),
        sql "SELECT coalesce(sum(g.quota_allowance), 0) FROM groups g
            WHERE g.organization_id = :organization_id
                AND (EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = g.id AND m.user_id = :user_id)
                    OR (g.id = g.organization_id AND EXISTS (SELECT 1 FROM organization_members o
                        WHERE o.organization_id = g.organization_id AND o.user_id = :user_id)))";

    /// The names of a user's groups in an organization, Everyone among them.
    GetGroups = get_group_names_of_user(db, user_id: Uuid, organization_id: Uuid) -> many String;
        allow(system Read System),
        sql "SELECT g.name FROM groups g
            WHERE g.organization_id = :organization_id
                AND (EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = g.id AND m.user_id = :user_id) OR g.id = g.organization_id)
            ORDER BY g.name";
}
