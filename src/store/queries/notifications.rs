//! What kinds of message there are, and which of them a user wants. The messages themselves are not here.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::rbac::{Object, Resource};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::value::Json;
use crate::time::Time;

rows! {
    /// A row of `notification_templates`: a kind of message.
    pub struct NotificationTemplate {
        pub id: Uuid,
        pub name: String,
        pub title_template: String,
        pub body_template: String,
        pub actions: Option<String>,
        pub group: Option<String>,
        pub method: Option<String>,
        pub kind: String,
        pub enabled_by_default: bool,
    }
}

rows! {
    /// A row of `notification_preferences`: that a user chose for or against a kind of message.
    pub struct NotificationPreference {
        pub user_id: Uuid,
        pub notification_template_id: Uuid,
        pub disabled: bool,
        pub created_at: Time,
        pub updated_at: Time,
    }
}

fn preferences_of(user_id: Uuid) -> Object {
    Object::of(Resource::NotificationPreference).owner(user_id)
}

queries! {
    /// The kinds of message that come from the system or from users, by name. Everybody may know them.
    GetNotificationTemplatesByKind = get_notification_templates_by_kind(db, kind: &str) -> many NotificationTemplate;
        allow(none),
        sql "SELECT {row} FROM notification_templates WHERE kind = :kind ORDER BY name";

    /// What a user chose; kinds of which nothing is said come as the template has it.
    GetUserNotificationPreferences = get_user_notification_preferences(db, user_id: Uuid) -> many NotificationPreference;
        allow(object Read preferences_of(user_id)),
        sql "SELECT {row} FROM notification_preferences WHERE user_id = :user_id ORDER BY notification_template_id";

    /// Keeps what a user chooses, by kind: whether it is not wanted.
    UpdateUserNotificationPreferences = update_user_notification_preferences(
        db, user_id: Uuid, disabled: Json<&BTreeMap<Uuid, bool>>, now: Time,
    ) -> exec;
        allow(object Update preferences_of(user_id)),
        sql "INSERT INTO notification_preferences (user_id, notification_template_id, disabled, created_at, updated_at)
             SELECT :user_id, chosen.key, chosen.value, :now, :now FROM json_each(:disabled) chosen WHERE TRUE
             ON CONFLICT (user_id, notification_template_id)
             DO UPDATE SET disabled = excluded.disabled, updated_at = excluded.updated_at",
        pg "INSERT INTO notification_preferences (user_id, notification_template_id, disabled, created_at, updated_at)
            SELECT CAST(:user_id AS uuid), CAST(chosen.key AS uuid), CAST(chosen.value AS boolean),
                   CAST(:now AS timestamptz), CAST(:now AS timestamptz)
              FROM jsonb_each_text(CAST(:disabled AS jsonb)) chosen
            ON CONFLICT (user_id, notification_template_id)
            DO UPDATE SET disabled = excluded.disabled, updated_at = excluded.updated_at";
}
