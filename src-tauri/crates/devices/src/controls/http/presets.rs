//! What is known of some devices, from their makers' public documentation; data for the engine and nothing else.

use std::time::Duration;

use lab::gear::{HttpAuth, Plug};
use lab::ports::Nature;
use lab::secret::Secret;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::confirm::{CONTROLLER, PLUG, Patience};

/// How long a device that times it keeps a machine without power: supplies hold their charge for some seconds.
pub(super) const OFF_TIME: Duration = Duration::from_secs(10);

/// A device in words of the engine.
pub(in super::super) struct Preset {
    pub(super) kind: &'static str,
    pub(super) nature: Nature,
    pub(super) patience: Patience,
    /// How it wants to know who asks, where the board file has a password.
    pub(super) auth: HttpAuth,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) on: Call,
    pub(super) off: Call,
    pub(super) cycle: Option<Call>,
    pub(super) read: Call,
    pub(super) pointers: Vec<String>,
    /// Regular expressions.
    pub(super) state_on: &'static str,
    pub(super) state_off: &'static str,
    /// What a status of this device means, and what to do.
    pub(super) statuses: &'static [(u16, &'static str, &'static str)],
    /// Refusals inside an answer of success: pointer, what stands there, what it means, what to do.
    pub(super) refusals: &'static [(&'static str, &'static str, &'static str, &'static str)],
}

pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// What is missing in the board file, and how it is written.
pub(in super::super) struct Missing(pub(super) &'static str, pub(super) &'static str);

/// User and password where the board file has them.
pub(super) type Login<'a> = Option<(&'a str, &'a Secret)>;

fn get(path: String) -> Call {
    Call { method: Method::GET, path, body: None }
}

fn post(path: String, body: Option<Value>) -> Call {
    Call { method: Method::POST, path, body }
}

const NO_RELAY: &str = "correct `relay` in the board file; the first is 0";

/// Gen1 devices: <https://shelly-api-docs.shelly.cloud/gen1/>, "Shelly1: /relay/0".
pub(in super::super) fn shelly_gen1(plug: &Plug, _: Login<'_>) -> Result<Preset, Missing> {
    let relay = plug.relay;
    Ok(Preset {
        kind: "shelly-gen1",
        nature: Nature::Supply,
        patience: PLUG,
        auth: HttpAuth::Basic,
        headers: Vec::new(),
        on: get(format!("/relay/{relay}?turn=on")),
        off: get(format!("/relay/{relay}?turn=off")),
        cycle: Some(get(format!("/relay/{relay}?turn=off&timer={}", OFF_TIME.as_secs()))),
        read: get(format!("/relay/{relay}")),
        pointers: vec!["/ison".to_owned()],
        state_on: "^true$",
        state_off: "^false$",
        statuses: &[(404, "knows no such relay", NO_RELAY)],
        refusals: &[],
    })
}

/// Gen2 and later: <https://shelly-api-docs.shelly.cloud/gen2/>, component Switch; authentication by RFC 7616 with
/// SHA-256 as user `admin`, always.
pub(in super::super) fn shelly_gen2(plug: &Plug, _: Login<'_>) -> Result<Preset, Missing> {
    let set = |state: &str| format!("/rpc/Switch.Set?id={}&on={state}", plug.relay);
    Ok(Preset {
        kind: "shelly-gen2",
        nature: Nature::Supply,
        patience: PLUG,
        auth: HttpAuth::Digest,
        headers: Vec::new(),
        on: get(set("true")),
        off: get(set("false")),
        cycle: Some(get(format!("{}&toggle_after={}", set("false"), OFF_TIME.as_secs()))),
        read: get(format!("/rpc/Switch.GetStatus?id={}", plug.relay)),
        pointers: vec!["/output".to_owned()],
        state_on: "^true$",
        state_off: "^false$",
        statuses: &[
            (
                404,
                "knows no such call",
                "use `kind = \"shelly-gen1\"` if the plug is of the first generation",
            ),
            (500, "refuses the call", NO_RELAY),
        ],
        // A first-generation device has no /rpc, but some proxies answer 200 for everything.
        refusals: &[("/code", "^-[0-9]+$", "refuses the call", NO_RELAY)],
    })
}

/// <https://tasmota.github.io/docs/Commands/>: relays count from 1, user and password stand in the query, the key of the
/// only relay is POWER or POWER1 (SetOption26). Firmware before 8.2.3 refuses with status 200.
pub(in super::super) fn tasmota(plug: &Plug, login: Login<'_>) -> Result<Preset, Missing> {
    let relay = u16::from(plug.relay) + 1;
    let who = login.map_or(String::new(), |(user, password)| {
        format!("user={}&password={}&", encoded(user), encoded(password.reveal()))
    });
    let command = |text: String| get(format!("/cm?{who}cmnd={}", encoded(&text)));
    let tenths = OFF_TIME.as_secs() * 10;
    let mut pointers = vec![format!("/POWER{relay}")];
    if relay == 1 {
        pointers.push("/POWER".to_owned());
    }
    Ok(Preset {
        kind: "tasmota",
        nature: Nature::Supply,
        patience: PLUG,
        auth: HttpAuth::None,
        headers: Vec::new(),
        on: command(format!("Power{relay} On")),
        off: command(format!("Power{relay} Off")),
        cycle: Some(command(format!("Backlog Power{relay} Off; Delay {tenths}; Power{relay} On"))),
        read: command(format!("Power{relay}")),
        pointers,
        state_on: "^ON$",
        state_off: "^OFF$",
        statuses: &[],
        // It warns of other things too ("Enable weblog 2 if response expected").
        refusals: &[
            (
                "/WARNING",
                "user=",
                "refuses user and password",
                "give the web admin password as `secret`; the user is `admin` unless the firmware was built with another",
            ),
            ("/Command", "^(Unknown|Error)$", "knows no such relay", NO_RELAY),
        ],
    })
}

/// <https://esphome.io/web-api/>: switches by name, percent-encoded; it answers before it has switched.
pub(in super::super) fn esphome(plug: &Plug, _: Login<'_>) -> Result<Preset, Missing> {
    let name = plug.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).ok_or(Missing(
        "`name` is missing",
        "write the switch as the device's page names it, as in `name = \"Node 4\"`",
    ))?;
    let switch = format!("/switch/{}", encoded(name));
    Ok(Preset {
        kind: "esphome",
        nature: Nature::Supply,
        patience: PLUG,
        auth: HttpAuth::Basic,
        headers: Vec::new(),
        on: post(format!("{switch}/turn_on"), None),
        off: post(format!("{switch}/turn_off"), None),
        cycle: None,
        read: get(switch),
        pointers: vec!["/state".to_owned(), "/value".to_owned()],
        state_on: "^(ON|true)$",
        state_off: "^(OFF|false)$",
        statuses: &[(
            404,
            "knows no such switch",
            "write `name` exactly as the device's page does; firmware before 2026 wants its object id, as in `node_4`",
        )],
        refusals: &[],
    })
}

/// <https://developers.home-assistant.io/docs/api/rest/>: an order to an entity that does not exist is answered with
/// success and an empty list.
pub(in super::super) fn home_assistant(plug: &Plug, _: Login<'_>) -> Result<Preset, Missing> {
    let how = "write the entity, as in `name = \"switch.node4\"`";
    let entity = plug.name.as_deref().ok_or(Missing("`name` is missing", how))?;
    let plain =
        |part: &str| !part.is_empty() && part.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    let (domain, _) = entity
        .split_once('.')
        .filter(|(domain, object)| plain(domain) && plain(object))
        .ok_or(Missing("`name` is no entity of Home Assistant", how))?;
    if plug.account.secret.is_none() {
        return Err(Missing(
            "`secret` is missing",
            "make a long-lived access token on your profile's page in Home Assistant, put it into the secrets file and \
             name it here",
        ));
    }
    let order = |service: &str| {
        post(format!("/api/services/{domain}/{service}"), Some(json!({ "entity_id": entity })))
    };
    Ok(Preset {
        kind: "home-assistant",
        nature: Nature::Supply,
        patience: PLUG,
        auth: HttpAuth::Bearer,
        headers: Vec::new(),
        on: order("turn_on"),
        off: order("turn_off"),
        cycle: None,
        read: get(format!("/api/states/{entity}")),
        pointers: vec!["/state".to_owned()],
        // `unavailable` and `unknown` are neither.
        state_on: "^on$",
        state_off: "^off$",
        statuses: &[
            (400, "knows no such service", "only entities that turn on and off can switch a machine"),
            (401, "refuses the token", "make a new long-lived access token and put it into the secrets file"),
            (
                404,
                "knows no such entity",
                "correct `name` in the board file: Developer tools, States lists them",
            ),
        ],
        refusals: &[],
    })
}

/// <https://docs.pikvm.org/api/>: the state is the machine's power LED, and on and off do nothing when the LED says so
/// already. `off` would press briefly; `off_hard` holds the button.
pub(in super::super) fn pikvm(_: &Plug, login: Login<'_>) -> Result<Preset, Missing> {
    let order = |action: &str| post(format!("/api/atx/power?action={action}"), None);
    Ok(Preset {
        kind: "pikvm",
        nature: Nature::Managed,
        patience: CONTROLLER,
        auth: HttpAuth::None,
        headers: login.map_or(Vec::new(), |(user, password)| {
            vec![("x-kvmd-user", user.to_owned()), ("x-kvmd-passwd", password.reveal().to_owned())]
        }),
        on: order("on"),
        off: order("off_hard"),
        cycle: None,
        read: get("/api/atx".to_owned()),
        pointers: vec!["/result/leds/power".to_owned()],
        state_on: "^true$",
        state_off: "^false$",
        statuses: &[
            (409, "is busy with another press", "wait ten seconds, then try again"),
            (400, "cannot press", "check on its page that ATX control is enabled and wired"),
        ],
        refusals: &[("/ok", "^false$", "refuses", "look at the PiKVM's own page")],
    })
}

/// RFC 3986: all but the unreserved characters.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
