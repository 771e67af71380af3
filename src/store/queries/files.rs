//! Uploaded archives. A file belongs to who uploaded it; who may change a template may read the files
//! of its versions too.

use uuid::Uuid;

use crate::rbac::{Action, Object, Resource};
use crate::store::db::{Guarded, Switches};
use crate::store::queries::templates::TemplateAcl;
use crate::store::query::queries;
use crate::store::record::rows;
use crate::store::{Db, Error};
use crate::time::Time;

rows! {
    /// A row of `files`.
    pub struct File {
        pub hash: String,
        pub created_at: Time,
        pub created_by: Uuid,
        pub mimetype: String,
        pub data: Vec<u8>,
        pub id: Uuid,
    }

    /// Whose file it is, without the file.
    pub struct FileOwner {
        pub id: Uuid,
        pub created_by: Uuid,
    }

    /// A template that has a version made of a file.
    pub struct FileTemplate {
        pub template_id: Uuid,
        pub template_organization_id: Uuid,
        pub user_acl: TemplateAcl,
        pub group_acl: TemplateAcl,
    }
}

fn file_object(id: Uuid, owner: Uuid) -> Object {
    Object::of(Resource::File).id(id).owner(owner)
}

impl Guarded for File {
    fn object(&self, _: Switches) -> Object {
        file_object(self.id, self.created_by)
    }
}

impl Guarded for FileOwner {
    fn object(&self, _: Switches) -> Object {
        file_object(self.id, self.created_by)
    }
}

impl Guarded for FileTemplate {
    fn object(&self, _: Switches) -> Object {
        Object::of(Resource::Template)
            .id(self.template_id)
            .org(self.template_organization_id)
            .acl_user(self.user_acl.0.clone())
            .acl_group(self.group_acl.0.clone())
    }
}

/// Whoever may read the file itself, or change a template that is made of it.
fn may_read(db: &Db, file: &FileOwner) -> Result<(), Error> {
    let Err(refused) = db.require_on(Action::Read, file) else { return Ok(()) };
    let templates = db.unguarded().get_file_templates(file.id)?;
    if templates.iter().any(|template| db.may_on(Action::Update, template)) { Ok(()) } else { Err(refused) }
}

queries! {
    /// A file with its bytes.
    GetFileByID = get_file_by_id(db, id: Uuid) -> one File;
        allow(check may_read(db, &db.unguarded().get_file_owner(id)?)),
        sql "SELECT {row} FROM files WHERE id = :id";

    /// Whose file it is.
    GetFileByID = get_file_owner(db, id: Uuid) -> one FileOwner;
        allow(row Read),
        sql "SELECT {row} FROM files WHERE id = :id";

    /// The file that somebody has uploaded before, by its SHA-256.
    GetFileByHashAndCreator = get_file_by_hash_and_creator(db, hash: &str, created_by: Uuid) -> one FileOwner;
        allow(row Read),
        sql "SELECT {row} FROM files WHERE hash = :hash AND created_by = :created_by";

    /// Keeps a file.
    InsertFile = insert_file(db, file: &File) -> one FileOwner;
        allow(object Create Object::of(Resource::File).owner(file.created_by)),
        sql "INSERT INTO files {insert} RETURNING {row}";

    /// The file that a version was made of.
    GetFileIDByTemplateVersionID = get_file_id_by_template_version_id(db, template_version_id: Uuid) -> one FileOwner;
        allow(row Read),
        sql "SELECT {row:f} FROM files f
            JOIN provisioner_jobs j ON j.file_id = f.id AND j.storage_method = 'file'
            JOIN template_versions v ON v.job_id = j.id
            WHERE v.id = :template_version_id";

    /// Every template that has a version made of the file.
    GetFileTemplates = get_file_templates(db, file_id: Uuid) -> many FileTemplate;
        allow(system Read System),
        sql "SELECT t.id, t.organization_id, t.user_acl, t.group_acl FROM provisioner_jobs j
            JOIN template_versions v ON v.job_id = j.id
            JOIN templates t ON t.id = v.template_id
            WHERE j.file_id = :file_id AND j.storage_method = 'file' AND j.type = 'template_version_import'";
}
