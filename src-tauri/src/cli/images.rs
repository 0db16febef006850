//! `images`: boot files by content. Works on the data folder itself, whether an engine runs or not; a running one notices.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use jiff::Timestamp;
use netboot::images::{
    Addition, ImageError, ImageStore, Input, Manifest, Name, Role,
    role::{INITRD, KERNEL},
};
use serde_json::{Value, json};

use super::{Common, Exit, print};

#[derive(Subcommand)]
pub(super) enum ImagesCommand {
    /// Copy files into the store as one image. All of them, or none.
    Add(AddOptions),
    /// Every image, and which of them a role boots.
    List,
    /// Read every byte and compare it with its hash. Exits 1 when something is damaged.
    Verify {
        /// Only images of this name.
        name: Option<String>,
    },
    /// Remove an image that no role boots.
    Remove { name: String, version: String },
    /// Make a role boot this image, from the next start of a lab on.
    Choose {
        #[arg(value_parser = roles())]
        role: String,
        name: String,
        version: String,
    },
}

#[derive(Args)]
pub(super) struct AddOptions {
    /// What it is for.
    #[arg(long, value_parser = roles())]
    role: String,
    #[arg(long)]
    name: String,
    #[arg(long)]
    version: String,
    #[arg(long, value_name = "FILE")]
    kernel: PathBuf,
    #[arg(long, value_name = "FILE")]
    initrd: PathBuf,
    /// A further file, such as squashfs=filesystem.squashfs for a hypervisor.
    #[arg(long = "file", value_name = "KEY=FILE", value_parser = pair)]
    files: Vec<(String, String)>,
    /// Kernel command line that belongs to these files.
    #[arg(long, value_name = "WORDS")]
    cmdline: Option<String>,
    /// Refuse a file with another hash.
    #[arg(long, value_name = "KEY=HASH", value_parser = pair)]
    sha256: Vec<(String, String)>,
}

fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::word))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("this has the form KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn role(word: &str) -> Result<Role> {
    Role::parse(word).ok_or_else(|| anyhow::anyhow!("there is no role {word}"))
}

pub(super) fn run(common: &Common, command: ImagesCommand) -> Result<Exit> {
    let data = common.data()?;
    let store = ImageStore::open(data.images());
    match command {
        ImagesCommand::Add(options) => {
            data.create()?;
            add(common, &store, options)
        }
        ImagesCommand::List => list(common, &store),
        ImagesCommand::Verify { name } => verify(common, &store, name.as_deref()),
        ImagesCommand::Remove { name, version } => {
            let manifest = store.remove(&named(&name, &version)?)?;
            told(common, &manifest, false, format!("{} removed", manifest.image))
        }
        ImagesCommand::Choose { role: word, name, version } => {
            let role = role(&word)?;
            let manifest = store.choose(role, &named(&name, &version)?)?;
            let says = format!("{role} boots {} from the next start of a lab on", manifest.image);
            told(common, &manifest, true, says)
        }
    }
}

fn named(name: &str, version: &str) -> Result<Name, ImageError> {
    Ok(Name::new(name, version)?)
}

fn add(common: &Common, store: &ImageStore, options: AddOptions) -> Result<Exit> {
    let role = role(&options.role)?;
    let mut files = BTreeMap::new();
    let own = [(KERNEL.to_owned(), options.kernel), (INITRD.to_owned(), options.initrd)];
    let more = options.files.into_iter().map(|(key, file)| (key, PathBuf::from(file)));
    for (key, path) in own.into_iter().chain(more) {
        if files.insert(key.clone(), Input::Path(path)).is_some() {
            anyhow::bail!("the file {key} is given twice; leave one out");
        }
    }
    let addition = Addition {
        image: named(&options.name, &options.version)?,
        role,
        cmdline: options.cmdline,
        files,
        expected: options.sha256.into_iter().map(|(key, hash)| (key, hash.to_ascii_lowercase())).collect(),
        replace: false,
    };
    let manifest = store.add(&addition, Timestamp::now())?;
    let chosen = store.pointer(role)?.as_ref() == Some(&manifest.image);
    let mut says = format!("{} added, {}", manifest.image, megabytes(manifest.size()));
    if !chosen {
        let (name, version) = (&manifest.image.name, &manifest.image.version);
        says = format!("{says}; `statusinator images choose {role} {name} {version}` makes {role} boot it");
    }
    told(common, &manifest, chosen, says)
}

fn list(common: &Common, store: &ImageStore) -> Result<Exit> {
    let mut exit = Exit::Done;
    for listed in store.list()? {
        match listed.manifest {
            Ok(manifest) if common.json => print::json(&wire(&manifest, listed.chosen))?,
            Ok(manifest) => {
                let mark = if listed.chosen { '*' } else { ' ' };
                let keys: Vec<&str> = manifest.files.keys().map(String::as_str).collect();
                let (image, role, size) = (&manifest.image, manifest.role, megabytes(manifest.size()));
                print::line(&format!("{mark} {role:<10}  {image}  {size}  {}", keys.join(", ")))?;
            }
            Err(error) => {
                exit = Exit::Failed;
                trouble(common, &error)?;
            }
        }
    }
    Ok(exit)
}

fn verify(common: &Common, store: &ImageStore, name: Option<&str>) -> Result<Exit> {
    let mut exit = Exit::Done;
    for verified in store.verify(name)? {
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => {
                exit = Exit::Failed;
                trouble(common, &error)?;
                continue;
            }
        };
        let ok = verified.damage.is_empty();
        let image = &verified.manifest.image;
        let remedy = format!("add {image} again from good files; until then it is not served");
        if common.json {
            let damage: Vec<Value> =
                verified.damage.iter().map(|d| json!({ "file": d.key, "why": d.why })).collect();
            let mut line = wire(&verified.manifest, verified.chosen);
            line["ok"] = ok.into();
            line["damage"] = damage.into();
            if !ok {
                line["remedy"] = remedy.as_str().into();
            }
            print::json(&line)?;
        } else if ok {
            print::line(&format!("{image}: good, {}", megabytes(verified.manifest.size())))?;
        } else {
            for damage in &verified.damage {
                print::line(&format!("{image}: {} is damaged: {}", damage.key, damage.why))?;
            }
            print::line(&format!("  what to do: {remedy}"))?;
        }
        if !ok {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// A manifest that cannot be read hides no other image.
fn trouble(common: &Common, error: &ImageError) -> Result<()> {
    if common.json {
        return print::json(&json!({ "ok": false, "why": error.to_string(), "remedy": error.remedy() }));
    }
    print::line(&format!("! {error}"))?;
    print::line(&format!("  what to do: {}", error.remedy()))
}

fn told(common: &Common, manifest: &Manifest, chosen: bool, says: String) -> Result<Exit> {
    if common.json {
        print::json(&wire(manifest, chosen))?
    } else {
        print::line(&says)?
    }
    Ok(Exit::Done)
}

fn wire(manifest: &Manifest, chosen: bool) -> Value {
    json!({
        "name": manifest.image.name,
        "version": manifest.image.version,
        "role": manifest.role,
        "chosen": chosen,
        "size": manifest.size(),
        "digest": manifest.digest(),
        "cmdline": manifest.cmdline,
        "files": manifest.files,
        "added": manifest.added,
    })
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
