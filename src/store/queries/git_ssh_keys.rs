//! The key pairs with which users' workspaces reach Git.

use uuid::Uuid;

use super::users::user_object;
use crate::rbac::Object;
use crate::store::db::{Guarded, Switches};
use crate::store::query::queries;
use crate::store::record::rows;
use crate::time::Time;

rows! {
    /// A row of `gitsshkeys`.
    pub struct GitSshKey {
        pub user_id: Uuid,
        pub created_at: Time,
        pub updated_at: Time,
        pub private_key: String,
        pub public_key: String,
    }
}

impl Guarded for GitSshKey {
    fn object(&self, _: Switches) -> Object {
        user_object(self.user_id)
    }
}

queries! {
    /// The key pair of a user.
    GetGitSSHKey = get_git_ssh_key(db, user_id: Uuid) -> one GitSshKey;
        allow(row ReadPersonal),
        sql "SELECT {row} FROM gitsshkeys WHERE user_id = :user_id";

    /// Keeps the key pair of a new user.
    InsertGitSSHKey = insert_git_ssh_key(db, key: &GitSshKey) -> one GitSshKey;
        allow(object UpdatePersonal user_object(key.user_id)),
        sql "INSERT INTO gitsshkeys {insert} RETURNING {row}";

    /// Replaces the key pair of a user.
    UpdateGitSSHKey = update_git_ssh_key(db, user_id: Uuid, private_key: &str, public_key: &str, updated_at: Time) -> one GitSshKey;
        allow(on UpdatePersonal db.unguarded().get_git_ssh_key(user_id)?),
        sql "UPDATE gitsshkeys SET private_key = :private_key, public_key = :public_key, updated_at = :updated_at WHERE user_id = :user_id RETURNING {row}";
}
