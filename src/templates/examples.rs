//! Templates that come with the server, for those who have none yet.

use crate::sdk::TemplateExample;
use crate::version;

/// A template that comes with the server.
pub struct Example {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    icon: &'static str,
    tags: &'static [&'static str],
    /// Paths and contents; one is `README.md`.
    files: &'static [(&'static str, &'static str)],
}

macro_rules! files {
    ($id:literal: $($path:literal),+) => {
        &[$(($path, include_str!(concat!("../../fixtures/templates/", $id, "/", $path)))),+]
    };
}

static EXAMPLES: &[Example] = &[Example {
    id: "scratch",
    name: "Scratch",
    description: "The least template that has an agent, to build on",
    icon: "/emojis/1f4e6.png",
    tags: &[],
    files: files!("scratch": "README.md", "main.tf"),
}];

/// All of them, as the API shows them.
pub fn list() -> Vec<TemplateExample> {
    let render = |example: &Example| TemplateExample {
        id: example.id.to_owned(),
        url: format!("{}/tree/main/fixtures/templates/{}", version::EXTERNAL_URL, example.id),
        name: example.name.to_owned(),
        description: example.description.to_owned(),
        icon: example.icon.to_owned(),
        tags: example.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        markdown: example.files.iter().find(|(path, _)| *path == "README.md").map_or("", |(_, text)| text).to_owned(),
    };
    EXAMPLES.iter().map(render).collect()
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
            assert!(example.markdown.starts_with("# "), "{}", example.id);
        }
        assert!(archive("no-such-example").is_none());
    }
}
