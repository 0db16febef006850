//! The pages as such a switch writes them: tables in the style of 1999, two rows of headings, a form above.

use super::{Layout, Port};
use crate::link::Link;

pub(super) fn login() -> String {
    "<html><head><title>Login</title></head><body><form method=\"post\" action=\"/login.cgi\">\
     <table><tr><td>Username</td><td><input name=\"username\"></td></tr>\
     <tr><td>Password</td><td><input type=\"password\" name=\"password\"></td></tr>\
     <tr><td><select name=\"language\"><option value=\"EN\">English</option></select></td>\
     <td><input type=\"submit\" value=\"Login\"></td></tr></table>\
     <input type=\"hidden\" name=\"Response\"></form></body></html>\n"
        .to_owned()
}

pub(super) fn frames() -> String {
    "<html><head><title>Switch</title></head><frameset cols=\"180,*\"><frame src=\"menu.cgi\">\
     <frame src=\"port.cgi\"></frameset></html>\n"
        .to_owned()
}

pub(super) fn ports(layout: Layout, ports: &[Port], links: &[Link]) -> String {
    let rows: String = ports
        .iter()
        .zip(links)
        .enumerate()
        .map(|(index, (port, link))| row(layout, index + 1, port, *link))
        .collect();
    let headings = match layout {
        Layout::Owner => {
            "<tr><th rowspan=\"2\">Port</th><th rowspan=\"2\">Name</th><th rowspan=\"2\">State</th>\
             <th colspan=\"2\">Speed/Duplex</th><th colspan=\"2\">Flow Control</th></tr>\n"
        }
        Layout::Sibling => {
            "<tr><th rowspan=\"2\">Port</th><th rowspan=\"2\">State</th>\
             <th colspan=\"2\">Speed/Duplex</th><th colspan=\"2\">Flow Control</th></tr>\n"
        }
    };
    let forms = match layout {
        Layout::Owner => form("port", ports.len()),
        Layout::Sibling => form("port", ports.len()) + &form("sfp", 2),
    };
    format!(
        "<html><head><title>Port Setting</title></head><body><center>\n<fieldset><legend>Port Setting</legend>\n\
         {forms}<br>\n<table border=\"1\">\n{headings}\
         <tr><th>Config</th><th>Actual</th><th>Config</th><th>Actual</th></tr>\n{rows}</table>\n\
         </fieldset></center></body></html>\n"
    )
}

fn row(layout: Layout, number: usize, port: &Port, link: Link) -> String {
    let actual = match link.speed.filter(|_| link.up) {
        Some(speed) => format!("{speed}Full"),
        None => "Link Down".to_owned(),
    };
    let flow = if link.up { "Off" } else { "-" };
    let state = match (layout, port.enabled) {
        (Layout::Owner, true) => format!("<td>{}</td><td>Enabled</td>", escaped(&port.name)),
        (Layout::Owner, false) => format!("<td>{}</td><td>Disabled</td>", escaped(&port.name)),
        (Layout::Sibling, true) => "<td>Enable</td>".to_owned(),
        (Layout::Sibling, false) => "<td>Disable</td>".to_owned(),
    };
    format!(
        "<tr><td>Port {number}</td>{state}<td>Auto</td><td>{actual}</td><td>Off</td><td>{flow}</td></tr>\n"
    )
}

/// The form that sets one or several ports. Its table is the trap for whoever takes the first one of the page.
fn form(kind: &str, count: usize) -> String {
    let options: String =
        (0..count).map(|index| format!("<option value=\"{index}\">Port {}</option>", index + 1)).collect();
    format!(
        "<form method=\"post\" action=\"/port.cgi\"><table border=\"1\">\n\
         <tr><th>Port</th><th>Name</th><th>State</th><th>Speed/Duplex</th><th>Flow Control</th></tr>\n\
         <tr><td><select name=\"portid\" multiple size=\"4\">{options}</select></td>\
         <td><input name=\"name\" value=\"\"></td>\
         <td><select name=\"state\"><option value=\"1\">Enable</option><option value=\"0\">Disable</option></select></td>\
         <td><select name=\"speed_duplex\"><option value=\"0\">Auto</option></select></td>\
         <td><select name=\"flow\"><option value=\"0\">Off</option><option value=\"1\">On</option></select></td></tr>\n\
         </table><input type=\"submit\" name=\"submit\" value=\"   Apply   \">\
         <input type=\"hidden\" name=\"cmd\" value=\"{kind}\"></form>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(layout: Layout) -> String {
        let port = |name: &str, enabled| Port { name: name.into(), enabled };
        ports(layout, &[port("a<b", true), port("", false)], &[Link::at(100), Link::DOWN])
    }

    /// The text of each cell of the page's last table.
    fn cells(page: &str) -> Vec<Vec<String>> {
        let table = page.rsplit("<table").next().unwrap();
        let rows = table.split("<tr>").skip(1);
        let text = |cell: &str| cell.split_once('>').unwrap().1.split("</t").next().unwrap().to_owned();
        rows.map(|row| row.split("<t").skip(1).filter(|c| c.starts_with(['d', 'h'])).map(text).collect())
            .collect()
    }

    #[test]
    fn the_owners_table_is_the_second_one_and_has_names() {
        let page = page(Layout::Owner);
        assert_eq!(page.matches("<table").count(), 2);
        let cells = cells(&page);
        assert_eq!(cells[0], ["Port", "Name", "State", "Speed/Duplex", "Flow Control"]);
        assert_eq!(cells[1], ["Config", "Actual", "Config", "Actual"]);
        assert_eq!(cells[2], ["Port 1", "a&lt;b", "Enabled", "Auto", "100Full", "Off", "Off"]);
        assert_eq!(cells[3], ["Port 2", "", "Disabled", "Auto", "Link Down", "Off", "-"]);
    }

    #[test]
    fn the_siblings_table_is_the_third_one_and_has_none() {
        let page = page(Layout::Sibling);
        assert_eq!(page.matches("<table").count(), 3);
        let cells = cells(&page);
        assert_eq!(cells[0], ["Port", "State", "Speed/Duplex", "Flow Control"]);
        assert_eq!(cells[2], ["Port 1", "Enable", "Auto", "100Full", "Off", "Off"]);
        assert_eq!(cells[3], ["Port 2", "Disable", "Auto", "Link Down", "Off", "-"]);
    }
}
