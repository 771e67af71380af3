//! Templates that come with the server, for those who have none yet.

use serde::Deserialize;

use crate::sdk::TemplateExample;
use crate::version;

/// A template that comes with the server: its id, and its files by path. One is `README.md`, which says
/// what the template is.
struct Example {
    id: &'static str,
    files: &'static [(&'static str, &'static str)],
}

/// What stands above the text of a `README.md`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Heading {
    display_name: String,
    description: String,
    icon: String,
    tags: Vec<String>,
}

macro_rules! example {
    ($id:literal: $($path:literal),+) => {
        Example { id: $id, files: &[$(($path, include_str!(concat!("../../fixtures/templates/", $id, "/", $path)))),+] }
    };
}

static EXAMPLES: &[Example] = &[example!("local": "README.md", "main.tf"), example!("scratch": "README.md", "main.tf")];

/// All of them, as the API shows them.
pub fn list() -> Vec<TemplateExample> {
    EXAMPLES.iter().map(render).collect()
}

fn render(example: &Example) -> TemplateExample {
    let readme = example.files.iter().find(|(path, _)| *path == "README.md").map_or("", |(_, text)| text);
    let (heading, markdown) = split(readme);
    TemplateExample {
        id: example.id.to_owned(),
        url: format!("{}/tree/main/fixtures/templates/{}", version::EXTERNAL_URL, example.id),
        name: heading.display_name,
        description: heading.description,
        icon: heading.icon,
        tags: heading.tags,
        markdown: markdown.to_owned(),
    }
}

fn split(readme: &str) -> (Heading, &str) {
    let parts = readme.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    match parts.and_then(|(yaml, text)| Some((serde_norway::from_str(yaml).ok()?, text.trim_start()))) {
        Some(found) => found,
        None => (Heading::default(), readme),
    }
}

/// The example of that id as a tar archive, the same every time.
pub fn archive(id: &str) -> Option<std::io::Result<Vec<u8>>> {
    let example = EXAMPLES.iter().find(|example| example.id == id)?;
    Some(pack(example.files))
}

fn pack(files: &[(&str, &str)]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, path, text.as_bytes())?;
    }
    tar.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provisioner::source::Source;

    #[test]
    fn every_example_is_a_template_that_says_what_it_is() {
        for example in list() {
            let source = Source::from_tar(&archive(&example.id).unwrap().unwrap()).unwrap();
            assert!(source.get("main.tf").is_some(), "{}", example.id);
            assert!(example.markdown.starts_with("# ") && !example.name.is_empty(), "{example:?}");
        }
        assert!(archive("no-such-example").is_none());
    }
}
