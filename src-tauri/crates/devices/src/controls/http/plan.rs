//! From the board file to requests that can be sent.

use std::sync::Arc;

use lab::gear::{Account, HttpAuth, HttpCall, HttpPower, HttpRead, Method as Named, Plug};
use lab::ports::{Control, Nature};
use lab::secret::Secret;
use regex::Regex;
use reqwest::{Method, Url};

use super::super::confirm::{CONTROLLER, PLUG, Patience};
use super::super::{BadGear, Site};
use super::driver::Switch;
use super::presets::{Call, Login, Missing, Preset};
use super::reading::Reading;
use crate::http::{Ask, Auth, Client};

/// Everything that the engine knows of a device.
pub(super) struct Plan {
    pub(super) machine: String,
    pub(super) kind: &'static str,
    pub(super) nature: Nature,
    pub(super) patience: Patience,
    pub(super) on: Step,
    pub(super) off: Option<Step>,
    pub(super) cycle: Option<Step>,
    pub(super) read: Option<(Step, Reading)>,
    pub(super) statuses: &'static [(u16, &'static str, &'static str)],
    pub(super) refusals: Vec<Refusal>,
}

/// One request.
pub(super) struct Step {
    pub(super) client: Client,
    pub(super) ask: Ask,
}

/// A refusal inside an answer of success.
pub(super) struct Refusal {
    pub(super) pointer: &'static str,
    pub(super) value: Regex,
    pub(super) why: &'static str,
    pub(super) remedy: &'static str,
}

/// Devices whose user has one name unless it was changed.
const USUAL_USER: &str = "admin";

/// A device whose requests are known.
pub(in super::super) fn plug(
    site: &Site<'_>,
    preset: impl Fn(&Plug, Login<'_>) -> Result<Preset, Missing>,
    plug: &Plug,
) -> Result<Arc<dyn Control>, BadGear> {
    let user = plug.account.user.as_deref().unwrap_or(USUAL_USER);
    let secret = printable(site, site.secret(&plug.account)?)?;
    let login = secret.as_ref().map(|secret| (user, secret));
    let preset = preset(plug, login).map_err(|Missing(why, remedy)| site.bad(why, remedy))?;
    let auth = match (preset.auth, &secret) {
        (_, None) | (HttpAuth::None, _) => Auth::None,
        (HttpAuth::Basic, Some(secret)) => Auth::Basic(user.to_owned(), secret.clone()),
        (HttpAuth::Digest, Some(secret)) => Auth::Digest(user.to_owned(), secret.clone()),
        (HttpAuth::Bearer, Some(secret)) => Auth::Bearer(secret.clone()),
    };
    let client = site.client(&plug.url, plug.fingerprint.as_deref())?.auth(auth);
    let step = |call: Call| {
        let mut ask = Ask::new(call.method, call.path);
        for (name, value) in &preset.headers {
            ask = ask.header(name, value);
        }
        if let Some(body) = call.body {
            ask = ask.body("application/json", body.to_string());
        }
        Step { client: client.clone(), ask }
    };
    let mut refusals = Vec::new();
    for (pointer, value, why, remedy) in preset.refusals {
        refusals.push(Refusal { pointer, value: regex(site, value, "refusal")?, why, remedy });
    }
    let reading = Reading {
        pointers: preset.pointers,
        on: regex(site, preset.state_on, "on")?,
        off: regex(site, preset.state_off, "off")?,
    };
    Ok(Arc::new(Switch(Plan {
        machine: site.machine.name.clone(),
        kind: preset.kind,
        nature: preset.nature,
        patience: preset.patience,
        on: step(preset.on),
        off: Some(step(preset.off)),
        cycle: preset.cycle.map(step),
        read: Some((step(preset.read), reading)),
        statuses: preset.statuses,
        refusals,
    })))
}

/// Requests in the user's own words.
pub(in super::super) fn own(site: &Site<'_>, http: &HttpPower) -> Result<Arc<dyn Control>, BadGear> {
    let auth = auth(site, http.auth, &http.account)?;
    let step = |call: &HttpCall| step(site, call, http.fingerprint.as_deref(), &auth);
    let read = http.read.as_ref().map(|read| Ok((step(&read.call)?, reading(site, read)?))).transpose()?;
    // What is read knows the machine, unless it is said to be a plug. What cannot be read is believed as a plug is: on
    // and off mean what they say, and whether the machine runs is for others to see.
    let managed = read.is_some() && !http.switches_supply;
    Ok(Arc::new(Switch(Plan {
        machine: site.machine.name.clone(),
        kind: "http",
        nature: if managed { Nature::Managed } else { Nature::Supply },
        patience: if managed { CONTROLLER } else { PLUG },
        on: step(&http.on)?,
        off: http.off.as_ref().map(step).transpose()?,
        cycle: None,
        read,
        statuses: &[],
        refusals: Vec::new(),
    })))
}

fn auth(site: &Site<'_>, how: HttpAuth, account: &Account) -> Result<Auth, BadGear> {
    let secret = printable(site, site.secret(account)?)?;
    let both = |make: fn(String, Secret) -> Auth, word: &str| match (&account.user, &secret) {
        (Some(user), Some(secret)) => Ok(make(user.clone(), secret.clone())),
        _ => {
            Err(site.bad(format!("`auth = \"{word}\"` needs user and secret"), "give both in the board file"))
        }
    };
    match how {
        HttpAuth::None if account.user.is_none() && secret.is_none() => Ok(Auth::None),
        HttpAuth::None => Err(site.bad(
            "user or secret is given, but not how they are told",
            "add `auth = \"basic\"`, `\"digest\"` or `\"bearer\"`",
        )),
        HttpAuth::Basic => both(Auth::Basic, "basic"),
        HttpAuth::Digest => both(Auth::Digest, "digest"),
        HttpAuth::Bearer => match secret {
            Some(secret) => Ok(Auth::Bearer(secret)),
            None => Err(site.bad("`auth = \"bearer\"` needs a secret", "name the token as `secret`")),
        },
    }
}

/// What cannot stand in a header would be left out without a word.
fn printable(site: &Site<'_>, secret: Option<Secret>) -> Result<Option<Secret>, BadGear> {
    match secret {
        Some(secret) if secret.reveal().chars().any(char::is_control) => Err(site.bad(
            "the secret contains a line break or another control character",
            "write it into the secrets file on one line",
        )),
        secret => Ok(secret),
    }
}

fn step(site: &Site<'_>, call: &HttpCall, fingerprint: Option<&str>, auth: &Auth) -> Result<Step, BadGear> {
    // For its checks and their words.
    site.client(&call.url, fingerprint)?;
    let mut base =
        Url::parse(&call.url).map_err(|error| site.bad(error.to_string(), "correct the address"))?;
    let path = match base.query() {
        Some(query) => format!("{}?{query}", base.path()),
        None => base.path().to_owned(),
    };
    base.set_path("");
    base.set_query(None);
    base.set_fragment(None);
    let client = site.client(base.as_str(), fingerprint)?.auth(auth.clone());
    let method = match call.method {
        Named::Get => Method::GET,
        Named::Post => Method::POST,
        Named::Put => Method::PUT,
        Named::Patch => Method::PATCH,
    };
    let mut ask = Ask::new(method, path);
    if let Some(body) = &call.body {
        ask = ask.body(call.content_type.as_deref().unwrap_or("application/json"), body.clone());
    }
    Ok(Step { client, ask })
}

fn reading(site: &Site<'_>, read: &HttpRead) -> Result<Reading, BadGear> {
    if let Some(pointer) = read.pointer.as_deref().filter(|pointer| !pointer.starts_with('/')) {
        return Err(site.bad(
            format!("`{pointer}` is no JSON pointer"),
            "write the way to the value as in `pointer = \"/result/leds/power\"`",
        ));
    }
    let pointers = read.pointer.iter().cloned().collect();
    Ok(Reading { pointers, on: regex(site, &read.on, "on")?, off: regex(site, &read.off, "off")? })
}

fn regex(site: &Site<'_>, text: &str, key: &str) -> Result<Regex, BadGear> {
    Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        site.bad(
            format!("`{key} = {text:?}` is no regular expression: {last}"),
            "correct it; characters like ( [ + have a \\ in front when they stand for themselves",
        )
    })
}
