//! Answers, as bytes. The wording of scripts and menus is part of matchbox's interface.

use std::collections::BTreeMap;

use serde_json::Value;

use super::golang;
use super::group::Group;
use super::labels::Labels;
use super::profile::Boot;

/// `/boot.ipxe`: asks iPXE what the machine is and chains to `/ipxe` with it.
pub(super) const INSPECT: &str = "#!ipxe\nchain ipxe?uuid=${uuid}&mac=${mac:hexhyp}&domain=${domain}&hostname=${hostname}\
    &serial=${serial}&arch=${buildarch:uristring}\n";

/// `/ipxe`.
pub(super) fn ipxe(boot: &Boot) -> String {
    let words = |items: &[String], before: &str| {
        items.iter().map(|item| format!("{before}{item}")).collect::<String>()
    };
    format!(
        "#!ipxe\nkernel {}{}{}\nboot\n",
        boot.kernel,
        words(&boot.args, " "),
        words(&boot.initrd, "\ninitrd ")
    )
}

/// `/grub`.
pub(super) fn grub(boot: &Boot) -> String {
    let entry = |title: &str, linux: &str, initrd: &str| {
        let args: String = boot.args.iter().map(|arg| format!(" {arg}")).collect();
        let initrds: String = boot.initrd.iter().map(|file| format!(" \"{file}\"")).collect();
        format!(
            "menuentry \"CoreOS ({title})\" {{\necho \"Loading kernel\"\n{linux} \"{}\"{args}\necho \"Loading initrd\"\n\
             {initrd} {initrds}\n}}\n",
            boot.kernel
        )
    };
    let entries = [entry("EFI", "linuxefi", "initrdefi"), entry("BIOS", "linux", "initrd")];
    format!("default=0\nfallback=1\ntimeout=1\n{}", entries.concat())
}

/// `/metadata`: what the group says, its selectors and the request, as `NAME=value` lines. Matchbox writes them in an order
/// that changes from answer to answer; here it is that of the names.
pub(super) fn metadata(group: &Group, labels: &Labels) -> Vec<u8> {
    let mut data: BTreeMap<String, &Value> = BTreeMap::new();
    if let Some(fields) = &group.metadata {
        data.extend(fields.iter().map(|(name, value)| (name.clone(), value)));
    }
    let selectors: BTreeMap<String, Value> = group
        .selector
        .iter()
        .map(|(name, value)| (name.to_lowercase(), Value::String(value.clone())))
        .collect();
    data.extend(selectors.iter().map(|(name, value)| (name.clone(), value)));
    // A group cannot speak for the machine.
    data.remove("request");
    let mut text = Vec::new();
    for (name, value) in data {
        lines(name, value, &mut text);
    }
    for (name, value) in labels.iter() {
        line(&[b"request_query_", name].concat(), value, &mut text);
    }
    line(b"request_raw_query", labels.raw().as_bytes(), &mut text);
    text
}

/// Objects become longer names; lists and nulls have no place in this form and are left out.
fn lines(name: String, value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::String(value) => line(name.as_bytes(), value.as_bytes(), text),
        Value::Bool(value) => line(name.as_bytes(), value.to_string().as_bytes(), text),
        Value::Number(value) => {
            let value = value.as_f64().map(golang::float).unwrap_or_default();
            line(name.as_bytes(), value.as_bytes(), text);
        }
        Value::Object(fields) => {
            // Depth is bounded by the reader of the JSON.
            fields.iter().for_each(|(key, value)| lines(format!("{name}_{key}"), value, text));
        }
        Value::Null | Value::Array(_) => {}
    }
}

fn line(name: &[u8], value: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(golang::upper(name).as_bytes());
    text.push(b'=');
    text.extend_from_slice(value);
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot() -> Boot {
        Boot {
            kernel: "/assets/k".into(),
            initrd: vec!["/assets/a".into(), "--name b /assets/b".into()],
            args: vec!["console=tty0".into(), "x=${mac}".into()],
        }
    }

    #[test]
    fn scripts_and_menus_look_as_matchbox_writes_them() {
        insta::assert_snapshot!(ipxe(&boot()), @r#"
        #!ipxe
        kernel /assets/k console=tty0 x=${mac}
        initrd /assets/a
        initrd --name b /assets/b
        boot
        "#);
        assert_eq!(ipxe(&Boot::default()), "#!ipxe\nkernel \nboot\n");
        insta::assert_snapshot!(grub(&boot()), @r#"
        default=0
        fallback=1
        timeout=1
        menuentry "CoreOS (EFI)" {
        echo "Loading kernel"
        linuxefi "/assets/k" console=tty0 x=${mac}
        echo "Loading initrd"
        initrdefi  "/assets/a" "--name b /assets/b"
        }
        menuentry "CoreOS (BIOS)" {
        echo "Loading kernel"
        linux "/assets/k" console=tty0 x=${mac}
        echo "Loading initrd"
        initrd  "/assets/a" "--name b /assets/b"
        }
        "#);
    }

    #[test]
    fn metadata_is_flat_and_the_request_is_the_machines_own() {
        let group = Group::parse(
            br#"{"id": "g", "selector": {"MAC": "52-da-00-89-d8-10"},
                "metadata": {"etcd": {"name": "n1", "peers": ["a"]}, "count": 1000000, "on": true, "none": null,
                "mac": "covered", "request": "covered"}}"#,
        )
        .unwrap();
        let said = metadata(&group, &Labels::parse("mac=52-da-00-89-d8-10&a.b=c+d"));
        insta::assert_snapshot!(String::from_utf8(said).unwrap(), @r#"
        COUNT=1e+06
        ETCD_NAME=n1
        MAC=52:da:00:89:d8:10
        ON=true
        REQUEST_QUERY_A.B=c d
        REQUEST_QUERY_MAC=52:da:00:89:d8:10
        REQUEST_RAW_QUERY=mac=52-da-00-89-d8-10&a.b=c+d
        "#);
    }
}
