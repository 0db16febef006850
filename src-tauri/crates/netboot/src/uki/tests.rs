use object::{LittleEndian as LE, Object, ObjectSection, read::pe::PeFile64};

use super::*;

const KERNEL: &[u8] = &[7; 300_001];
const INITRD: &[u8] = &[9; 700_000];

fn stub() -> Ukis {
    let path = Path::new("/").join(STUB);
    Ukis::with_stub(std::fs::read(path).expect("the package systemd-boot-efi is installed"))
}

fn parts<'a>(kernel: &'a Bytes, initrd: &'a Bytes, cmdline: &'a str) -> Parts<'a> {
    Parts { kernel, kernel_tag: "k", initrd, initrd_tag: "i", release: "6.1.0", cmdline }
}

async fn whole(body: &Body) -> Vec<u8> {
    body.read(0, body.length() as usize).await.unwrap().to_vec()
}

/// Read back by somebody else's reader: every section is whole, aligned, and none overlaps another.
#[tokio::test]
async fn the_image_says_what_went_in() {
    let (kernel, initrd) = (Bytes::from_static(KERNEL), Bytes::from_static(INITRD));
    let image = whole(&stub().image(&parts(&kernel, &initrd, "console=ttyS0 box=1")).unwrap()).await;
    let file = PeFile64::parse(&*image).unwrap();
    let section = |name: &str| file.section_by_name(name).unwrap().data().unwrap().to_vec();
    assert_eq!(section(".cmdline"), b"console=ttyS0 box=1");
    assert_eq!(section(".uname"), b"6.1.0");
    assert_eq!(section(".linux"), KERNEL);
    assert_eq!(section(".initrd"), INITRD);
    assert!(String::from_utf8(section(".osrel")).unwrap().contains("statusinator"));
    let optional = &file.nt_headers().optional_header;
    let alignment = u64::from(optional.section_alignment.get(LE));
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for header in file.section_table().iter() {
        let (at, size) = (u64::from(header.virtual_address.get(LE)), u64::from(header.virtual_size.get(LE)));
        spans.push((at, at + size));
        let raw = header.pointer_to_raw_data.get(LE);
        assert_eq!(raw % optional.file_alignment.get(LE), 0);
        assert!((raw + header.size_of_raw_data.get(LE)) as usize <= image.len());
    }
    spans.sort_unstable();
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "sections overlap: {spans:x?}");
    assert!(spans.iter().rev().take(5).all(|(at, _)| at % 4096 == 0));
    let image_size = u64::from(optional.size_of_image.get(LE));
    assert!(image_size >= spans.last().unwrap().1 && image_size % alignment == 0);
}

/// The stub itself is not touched: firmware relocates and runs it as its makers built it.
#[tokio::test]
async fn the_stubs_own_sections_are_where_they_were() {
    let ukis = stub();
    let (kernel, initrd) = (Bytes::from_static(KERNEL), Bytes::from_static(INITRD));
    let image = whole(&ukis.image(&parts(&kernel, &initrd, "x")).unwrap()).await;
    let before = PeFile64::parse(&*ukis.stub).unwrap();
    let after = PeFile64::parse(&*image).unwrap();
    for (one, other) in before.sections().zip(after.sections()) {
        assert_eq!((one.name(), one.address(), one.data()), (other.name(), other.address(), other.data()));
    }
}

#[test]
fn six_machines_share_kernel_and_initrd() {
    let ukis = stub();
    let (kernel, initrd) = (Bytes::from_static(KERNEL), Bytes::from_static(INITRD));
    let bodies: Vec<Body> =
        (0..6).map(|n| ukis.image(&parts(&kernel, &initrd, &format!("box={n}"))).unwrap()).collect();
    for body in &bodies {
        assert!(body.pieces().iter().any(|piece| piece.as_ptr() == KERNEL.as_ptr()));
        assert!(body.pieces().iter().any(|piece| piece.as_ptr() == INITRD.as_ptr()));
        let own: usize = body.pieces().iter().map(Bytes::len).filter(|length| *length < KERNEL.len()).sum();
        assert!(own < 200_000, "{own} bytes of its own");
    }
    let again = ukis.image(&parts(&kernel, &initrd, "box=3")).unwrap();
    assert_eq!(again.etag(), bodies[3].etag());
    assert_ne!(again.etag(), bodies[4].etag());
}

#[test]
fn no_more_images_are_kept_than_a_board_needs() {
    let ukis = stub();
    let (kernel, initrd) = (Bytes::from_static(KERNEL), Bytes::from_static(INITRD));
    for n in 0..3 * KEPT {
        ukis.image(&parts(&kernel, &initrd, &format!("box={n}"))).unwrap();
    }
    assert_eq!(ukis.made.lock().unwrap().len(), KEPT);
}

#[test]
fn what_is_no_program_is_refused() {
    let (kernel, initrd) = (Bytes::from_static(KERNEL), Bytes::from_static(INITRD));
    let good = stub().stub;
    for bytes in [b"MZ".to_vec(), vec![0; 1000], good[..600].to_vec()] {
        assert!(Ukis::with_stub(bytes).image(&parts(&kernel, &initrd, "x")).is_err());
    }
    // A header whose padding is taken up by more sections than it has room for.
    let crowded = pe::append(&good, &vec![(".x", Bytes::from_static(b"x")); 12]);
    assert_eq!(crowded, Err(PeError::NoRoom(12)));
}

proptest::proptest! {
    #[test]
    fn a_damaged_stub_never_panics(at in 0..1024_usize, byte: u8) {
        let mut bytes = stub().stub.to_vec();
        bytes[at] = byte;
        let small = Bytes::from_static(b"x");
        let _ = Ukis::with_stub(bytes).image(&parts(&small, &small, "x"));
    }
}
