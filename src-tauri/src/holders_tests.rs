use std::{
    net::{TcpListener, UdpSocket},
    os::unix::fs::symlink,
};

use super::*;

fn ports(list: &[(Proto, u16)]) -> BTreeSet<(Proto, u16)> {
    list.iter().copied().collect()
}

#[test]
fn this_very_process_is_found_behind_its_sockets_and_files() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("[::1]:0").or_else(|_| UdpSocket::bind("127.0.0.1:0")).unwrap();
    let (tcp, udp) =
        (tcp.local_addr().map(|a| (a, tcp)).unwrap(), udp.local_addr().map(|a| (a, udp)).unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().canonicalize().unwrap();

    let wanted = ports(&[(Proto::Tcp, tcp.0.port()), (Proto::Udp, udp.0.port())]);
    let held = Held::look(Path::new("/proc"), &wanted, std::slice::from_ref(&path));
    for (proto, address) in [(Proto::Tcp, tcp.0), (Proto::Udp, udp.0)] {
        let found: Vec<_> = held.on(proto, address.port()).collect();
        assert_eq!(found.len(), 1, "{proto:?}");
        let (socket, holders) = found[0];
        assert_eq!(socket.address, address.ip());
        assert_eq!(socket.uid, nix::unistd::geteuid().as_raw());
        assert!(holders.iter().any(|h| h.pid == std::process::id()), "{holders:?}");
    }
    assert!(held.device(&path).iter().any(|h| h.pid == std::process::id()));
    assert_eq!(held.on(Proto::Udp, tcp.0.port()).count(), 0, "the other protocol is another port");
}

#[test]
fn control_groups_tell_what_would_start_a_program_again() {
    let system = |unit: &str| Keeper::System { unit: unit.into() };
    let container = |tool: &str, id: &str| Keeper::Container { tool: tool.into(), id: id.into() };
    let table = [
        ("0::/system.slice/dnsmasq.service\n", system("dnsmasq.service")),
        ("0::/system.slice/system-getty.slice/getty@tty1.service\n", system("getty@tty1.service")),
        ("0::/system.slice/labwatch.service/inner\n", system("labwatch.service")),
        ("12:pids:/x\n1:name=systemd:/system.slice/ntpd.service\n0::/\n", system("ntpd.service")),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/kiosk.service\n",
            Keeper::User { uid: 1000, unit: "kiosk.service".into() },
        ),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", Keeper::Hand),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", Keeper::Hand),
        ("0::/system.slice/docker-0123456789abcdef.scope\n", container("docker", "0123456789ab")),
        ("0::/machine.slice/libpod-0123456789abcdef.scope/container\n", container("podman", "0123456789ab")),
        ("0::/docker/0123456789abcdef\n", container("docker", "0123456789ab")),
        ("0::/\n", Keeper::Hand),
        ("", Keeper::Hand),
    ];
    for (text, keeper) in table {
        assert_eq!(keeper_in(text), keeper, "{text}");
    }
}

#[test]
fn addresses_are_read_in_the_kernels_byte_order() {
    let hex = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
    assert_eq!(address_of(&hex([192, 168, 122, 3])), Some("192.168.122.3".parse().unwrap()));
    let six: String = [[0; 4], [0; 4], [0, 0, 0xff, 0xff], [127, 0, 0, 53]].map(hex).concat();
    assert_eq!(address_of(&six).unwrap().to_canonical().to_string(), "127.0.0.53");
    assert_eq!(address_of("0"), Some("0.0.0.0".parse().unwrap()));
    assert_eq!(address_of("XYZ"), None);
}

/// A /proc of our own making: a program whose open files may not be seen, and one that may.
#[test]
fn a_holder_that_may_not_be_seen_is_unknown_and_not_nobody() {
    let proc = tempfile::tempdir().unwrap();
    let make = |path: &str, text: &str| {
        let path = proc.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let line = |port: u16, inode: u64| {
        format!(
            "  1: 00000000:{port:04X} 00000000:0000 07 00000000:00000000 00:00000000 00000000 104 0 {inode} 2 0 0\n"
        )
    };
    make("net/udp", &format!("header\n{}{}", line(67, 11), line(69, 12)));
    make("40/comm", "dnsmasq\n");
    make("40/cgroup", "0::/system.slice/dnsmasq.service\n");
    fs::create_dir(proc.path().join("40/fd")).unwrap();
    symlink("socket:[11]", proc.path().join("40/fd/4")).unwrap();
    make("41/comm", "secretive\n");
    let held = Held::look(proc.path(), &ports(&[(Proto::Udp, 67), (Proto::Udp, 69)]), &[]);
    let (socket, holders) = held.on(Proto::Udp, 67).next().unwrap();
    assert_eq!(socket.uid, 104);
    let dnsmasq = Keeper::System { unit: "dnsmasq.service".into() };
    assert_eq!(holders, [Holder { pid: 40, name: "dnsmasq".into(), keeper: dnsmasq }]);
    let (_, nobody) = held.on(Proto::Udp, 69).next().expect("the socket itself is seen");
    assert!(nobody.is_empty());
}

#[test]
fn a_table_of_anything_is_survived() {
    for line in ["", "x", "1: 0:0", "1: zz:0043 0:0 07 0 0 0 0 0 0", "1: 00000000:FFFFF 0 07 0 0 0 1 0 9"] {
        assert_eq!(socket(Proto::Udp, "07", line), None, "{line}");
    }
}
