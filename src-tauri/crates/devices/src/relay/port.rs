//! The serial line of the relay board.

use std::io;
use std::path::Path;

use serial2_tokio::{CharSize, FlowControl, Parity, SerialPort, StopBits};

/// The only speed of the board.
const BAUD: u32 = 9600;

/// Open 9600 8N1, raw, without flow control, and let go of DTR and RTS.
///
/// Whether these two reach the board's reset pin is unknown. A reset forgets all states and presses the controller's
/// own power button. Linux raises both at open, so they are lowered at once, and HUPCL is cleared so that closing does
/// not toggle them again.
pub(super) fn open(path: &Path) -> io::Result<SerialPort> {
    let port = SerialPort::open(path, |mut settings: serial2_tokio::Settings| {
        settings.set_raw();
        settings.set_baud_rate(BAUD)?;
        settings.set_char_size(CharSize::Bits8);
        settings.set_stop_bits(StopBits::One);
        settings.set_parity(Parity::None);
        settings.set_flow_control(FlowControl::None);
        settings.as_termios_mut().c_cflag &= !libc::HUPCL;
        Ok(settings)
    })?;
    for lowered in [port.set_dtr(false), port.set_rts(false)] {
        match lowered {
            // A pseudo terminal, as the simulated board has, knows no such lines.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTTY | libc::EINVAL)) => {}
            result => result?,
        }
    }
    // What was said to somebody else is no answer to us.
    port.discard_input_buffer()?;
    Ok(port)
}
