//! Templates and workspaces, made through the API as a user makes them.

use rockpool::sdk::client::Request;
use rockpool::sdk::{
    ProvisionerJobLog, ProvisionerJobStatus, Template, TemplateVersion, UploadResponse, Workspace, WorkspaceBuild,
};
use serde_json::json;
use uuid::Uuid;

use super::client::Client;
use super::server::Server;

/// A template that makes one thing and has no agent.
pub const SMALLEST: &[(&str, &str)] = &[("main.tf", "resource \"null_resource\" \"thing\" {}\n")];

/// A tar of files: paths and contents.
pub fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).expect("a file in the archive");
    }
    archive.into_inner().expect("an archive")
}

/// A zip of files: paths and contents.
pub fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, text) in files {
        archive.start_file(*path, zip::write::SimpleFileOptions::default()).expect("a file in the archive");
        archive.write_all(text.as_bytes()).expect("a file's text");
    }
    archive.finish().expect("an archive").into_inner()
}

impl Client {
    /// Uploads an archive.
    #[track_caller]
    pub fn upload(&self, archive: &[u8], content_type: &str) -> Uuid {
        let headers = vec![("Content-Type", content_type)];
        let answer = self.send(&Request { method: "POST", target: "/api/v2/files", headers, body: archive });
        assert!(matches!(answer.answer.status, 200 | 201), "{answer}");
        let status = answer.answer.status;
        answer.ok::<UploadResponse>(status).hash
    }

    /// The lines of a job, until it ends.
    #[track_caller]
    pub fn follow_logs(&self, target: &str) -> Vec<ProvisionerJobLog> {
        self.follow(&format!("{target}?follow"))
    }

    /// Imports files as a version of a template, or of one to come, and waits until that is done.
    #[track_caller]
    pub fn import(&self, organization: Uuid, template: Option<Uuid>, files: &[(&str, &str)]) -> TemplateVersion {
        let file = self.upload(&tar(files), "application/x-tar");
        let body = json!({
            "template_id": template, "storage_method": "file", "file_id": file, "provisioner": "terraform", "tags": {},
        });
        let version: TemplateVersion =
            self.post(&format!("/api/v2/organizations/{organization}/templateversions"), body).ok(201);
        self.wait_for_version(version.id)
    }

    /// Waits until the import of a version has ended.
    #[track_caller]
    pub fn wait_for_version(&self, version: Uuid) -> TemplateVersion {
        self.follow_logs(&format!("/api/v2/templateversions/{version}/logs"));
        self.get(&format!("/api/v2/templateversions/{version}")).ok(200)
    }

    /// Makes a template of files.
    #[track_caller]
    pub fn template(&self, organization: Uuid, name: &str, files: &[(&str, &str)]) -> Template {
        let version = self.import(organization, None, files);
        assert_eq!(version.job.status, ProvisionerJobStatus::Succeeded, "{}", version.job.error);
        let body = json!({"name": name, "template_version_id": version.id});
        self.post(&format!("/api/v2/organizations/{organization}/templates"), body).ok(201)
    }

    /// Makes a workspace of one's own and waits for its first build.
    #[track_caller]
    pub fn workspace(&self, template: Uuid, name: &str) -> Workspace {
        let body = json!({"template_id": template, "name": name});
        let workspace: Workspace = self.post("/api/v2/users/me/workspaces", body).ok(201);
        let build = self.wait_for_build(workspace.latest_build.id);
        assert_eq!(build.job.status, ProvisionerJobStatus::Succeeded, "{}", build.job.error);
        self.get(&format!("/api/v2/workspaces/{}", workspace.id)).ok(200)
    }

    /// Starts, stops or deletes a workspace, and waits until that is done.
    #[track_caller]
    pub fn build(&self, workspace: Uuid, transition: &str) -> WorkspaceBuild {
        let body = json!({"transition": transition});
        let build: WorkspaceBuild = self.post(&format!("/api/v2/workspaces/{workspace}/builds"), body).ok(201);
        self.wait_for_build(build.id)
    }

    /// Waits until a build has ended.
    #[track_caller]
    pub fn wait_for_build(&self, build: Uuid) -> WorkspaceBuild {
        self.follow_logs(&format!("/api/v2/workspacebuilds/{build}/logs"));
        self.get(&format!("/api/v2/workspacebuilds/{build}")).ok(200)
    }
}

impl Server {
    /// A template of the first user's, in the first organization.
    #[track_caller]
    pub fn template(&self, name: &str, files: &[(&str, &str)]) -> Template {
        self.owner().template(self.organization(), name, files)
    }
}

/// A template whose build goes on until a file is there, and says when it has begun by making another.
pub fn waiting(folder: &std::path::Path) -> String {
    format!(
        r#"
terraform {{
  required_providers {{
    coder = {{ source = "coder/coder" }}
  }}
}}
data "coder_workspace" "me" {{}}
resource "terraform_data" "kept" {{
  input = "kept"
}}
resource "terraform_data" "waits" {{
  count      = data.coder_workspace.me.start_count
  depends_on = [terraform_data.kept]
  provisioner "local-exec" {{
    command = "touch '{0}/begun'; until [ -e '{0}/go-on' ]; do sleep 0.02; done"
  }}
}}
"#,
        folder.display()
    )
}
