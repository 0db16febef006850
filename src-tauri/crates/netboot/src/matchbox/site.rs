//! Requests, as matchbox answers them.

use super::folder::Folder;
use super::group::{Group, select};
use super::labels::Labels;
use super::profile::Boot;
use super::render;
use crate::files::{Body, Found, Reply, Tags};

/// What Go's HTTP server says where it has nothing. The body is part of what clients may compare.
const NOT_FOUND: &str = "404 page not found\n";

/// What an answer was made from, for whoever wants to tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    pub group: String,
    pub profile: String,
}

impl Folder {
    /// The answer to a GET of a cleaned path; `None` when matchbox has no such page and somebody else may.
    pub fn get(&self, path: &str, query: &str, tags: &Tags) -> Option<Found> {
        let labels = || Labels::parse(query);
        let found = match path {
            "" => body("matchbox\n"),
            "boot.ipxe" | "boot.ipxe.0" => body(render::INSPECT),
            "ipxe" => self.boot(&labels()).map_or_else(nothing, |boot| body(render::ipxe(&boot))),
            "grub" => self.boot(&labels()).map_or_else(nothing, |boot| body(render::grub(&boot))),
            "metadata" => {
                let labels = labels();
                let group = self.group_of(&labels);
                group.map_or_else(nothing, |group| body(render::metadata(&group, &labels)))
            }
            // Named as not served by the survey: a machine that asks should not get somebody else's page.
            "ignition" | "generic" | "cloud" => nothing(),
            // A file that is not here may be an image of ours, under the same roof.
            other => return self.file(other.strip_prefix("assets/")?, tags),
        };
        Some(found)
    }

    /// Group and profile of the machine that says this of itself.
    pub fn matched(&self, query: &str) -> Option<Matched> {
        let group = self.group_of(&Labels::parse(query))?;
        Some(Matched { group: group.id, profile: group.profile })
    }

    fn group_of(&self, labels: &Labels) -> Option<Group> {
        select(&self.groups(), labels).cloned()
    }

    fn boot(&self, labels: &Labels) -> Option<Boot> {
        let group = self.group_of(labels)?;
        match self.profile(&group.profile) {
            Ok(profile) => profile.boot,
            Err(why) => {
                tracing::warn!(group = group.id, profile = group.profile, why, "no such matchbox profile");
                None
            }
        }
    }

    fn file(&self, path: &str, tags: &Tags) -> Option<Found> {
        match Body::from_file(self.asset(path)?, tags) {
            Ok(body) => Some(Found::Body(body)),
            Err(error) => {
                tracing::warn!(path, %error, "a matchbox asset cannot be read");
                None
            }
        }
    }
}

fn body(bytes: impl Into<bytes::Bytes>) -> Found {
    Found::Body(Body::from_bytes(bytes))
}

/// Matchbox's own words for nothing, for paths that it would know.
pub fn nothing() -> Found {
    Found::Said(Reply {
        status: 404,
        content_type: "text/plain; charset=utf-8",
        body: bytes::Bytes::from_static(NOT_FOUND.as_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "groups/one.json",
            r#"{"id": "one", "profile": "live", "selector": {"mac": "52-DA-00-89-D8-10"}, "metadata": {"a": "b"}}"#,
        );
        write("groups/lost.json", r#"{"id": "lost", "profile": "gone", "selector": {"uuid": "u"}}"#);
        write("profiles/live.json", r#"{"id": "live", "boot": {"kernel": "/assets/k", "args": ["x"]}}"#);
        write("assets/k", "kernel");
        let folder = Folder::new(dir.path());
        (dir, folder)
    }

    async fn ask(folder: &Folder, path: &str, query: &str) -> (u16, String) {
        let tags = Tags::default();
        match folder.get(path, query, &tags) {
            Some(Found::Body(body)) => {
                let bytes = body.read(0, body.length() as usize).await.unwrap();
                (200, String::from_utf8_lossy(&bytes).into_owned())
            }
            Some(Found::Said(reply)) => (reply.status, String::from_utf8_lossy(&reply.body).into_owned()),
            Some(Found::Nothing) | None => (0, String::new()),
        }
    }

    #[tokio::test]
    async fn a_machine_gets_what_its_group_says() {
        let (_dir, folder) = folder();
        let found = ask(&folder, "ipxe", "mac=52:da:00:89:d8:10").await;
        assert_eq!(found, (200, "#!ipxe\nkernel /assets/k x\nboot\n".into()));
        assert_eq!(ask(&folder, "assets/k", "").await, (200, "kernel".into()));
        assert!(ask(&folder, "boot.ipxe", "").await.1.starts_with("#!ipxe\nchain ipxe?uuid="));
        let (status, said) = ask(&folder, "metadata", "mac=52-da-00-89-d8-10").await;
        assert_eq!((status, said.lines().next()), (200, Some("A=b")));
        for (path, query) in
            [("ipxe", ""), ("ipxe", "uuid=u"), ("metadata", ""), ("grub", ""), ("generic", "uuid=u")]
        {
            assert_eq!(ask(&folder, path, query).await, (404, NOT_FOUND.into()), "{path}?{query}");
        }
        assert_eq!(ask(&folder, "metadata", "uuid=u").await.0, 200, "metadata needs no profile");
        assert_eq!(ask(&folder, "assets/none", "").await.0, 0, "left to whoever else has assets");
        assert_eq!(ask(&folder, "boot/script", "").await.0, 0);
    }
}
