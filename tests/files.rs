//! Files: what goes up comes back, once for everyone who uploads it.

use std::io::{Cursor, Read};

use rockpool::sdk::UploadResponse;
use rockpool::sdk::client::Request;
use uuid::Uuid;

use crate::support::templates::{tar, zip};
use crate::support::{Client, Server};

const TAR: &str = "application/x-tar";
const ZIP: &str = "application/zip";

fn upload(client: &Client, data: &[u8], content_type: &str) -> (u16, Option<Uuid>) {
    let headers = vec![("Content-Type", content_type)];
    let answer = client.send(&Request { method: "POST", target: "/api/v2/files", headers, body: data });
    let id = serde_json::from_slice::<UploadResponse>(&answer.answer.body).ok().map(|made| made.hash);
    (answer.answer.status, id)
}

fn download(client: &Client, file: Uuid, query: &str) -> Vec<u8> {
    client.get(&format!("/api/v2/files/{file}{query}")).expect(200).answer.body
}

#[test]
fn a_file_comes_back_as_it_went_up_and_is_kept_once() {
    let server = Server::start();
    let owner = server.owner();
    let data = tar(&[("main.tf", "# nothing"), ("sub/a.txt", "alpha")]);
    let (status, first) = upload(&owner, &data, TAR);
    assert_eq!((status, upload(&owner, &data, TAR)), (201, (200, first)));
    let first = first.unwrap();
    assert_eq!(download(&owner, first, ""), data);
    let other = upload(&owner, &tar(&[("main.tf", "# else")]), TAR).1.unwrap();
    assert_ne!(other, first);
    assert_eq!(upload(&server.anonymous(), &data, TAR).0, 401);
    server.anonymous().get(&format!("/api/v2/files/{first}")).expect(401);
}

#[test]
fn nobody_looks_into_a_tar_archive_when_it_goes_up() {
    let server = Server::start();
    let owner = server.owner();
    for data in [&b""[..], b"not a tar", &tar(&[])] {
        let (status, id) = upload(&owner, data, TAR);
        assert_eq!(status, 201);
        let id = id.unwrap();
        assert_eq!(download(&owner, id, ""), data);
        assert_eq!(in_zip(&download(&owner, id, "?format=zip")), []);
    }
}

fn in_zip(data: &[u8]) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(data)).unwrap();
    let read = |at| {
        let mut entry = zip.by_index(at).unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (entry.name().unwrap().into_owned(), text)
    };
    (0..zip::ZipArchive::new(Cursor::new(data)).unwrap().len()).map(read).collect()
}

#[test]
fn a_zip_archive_is_kept_as_a_tar_archive() {
    let server = Server::start();
    let owner = server.owner();
    let files = [("main.tf", "# nothing\n"), ("sub/ü.txt", "alpha")];
    let (status, id) = upload(&owner, &zip(&files), ZIP);
    assert_eq!(status, 201);
    let id = id.unwrap();
    let kept = download(&owner, id, "");
    assert_eq!(upload(&owner, &kept, TAR), (200, Some(id)));
    assert_eq!(upload(&owner, &zip(&files), "application/x-zip-compressed"), (200, Some(id)));
    let back = in_zip(&download(&owner, id, "?format=zip"));
    assert_eq!(back, files.map(|(name, text)| (name.to_owned(), text.to_owned())));
    for format in ["tar", "ZIP", "rar"] {
        owner.get(&format!("/api/v2/files/{id}?format={format}")).refused(400);
    }
}

#[test]
fn what_is_no_archive_of_a_known_kind_is_refused() {
    let server = Server::start();
    let owner = server.owner();
    let data = tar(&[("a", "b")]);
    for kind in ["application/json", "application/x-tar; charset=utf-8", "APPLICATION/X-TAR", "multipart/form-data"] {
        assert_eq!(upload(&owner, &data, kind), (400, None), "{kind}");
    }
    let broken = zip(&[("a", "b")]);
    for data in [&b""[..], b"not a zip", &broken[..broken.len() - 10]] {
        assert_eq!(upload(&owner, data, ZIP), (400, None));
    }
    let hostile = [("../../etc/passwd", "x"), ("/etc/passwd", "y"), ("a/../b", "z")];
    assert_eq!(upload(&owner, &zip(&hostile), ZIP).0, 201, "paths are only names until the import unpacks them");
    for file in ["x", "%20", "3f0c6f0e-1f0c-4a60-9f3e-5a5a5a5a5a5a.tar"] {
        owner.get(&format!("/api/v2/files/{file}")).refused(400);
    }
    owner.get(&format!("/api/v2/files/{}", Uuid::nil())).refused(404);
    owner.get("/api/v2/files").expect(405);
}
