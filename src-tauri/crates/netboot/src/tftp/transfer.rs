//! One transfer as a state machine: packets and timeouts in, actions out, no sockets and no clock.

use std::time::Duration;

use super::packet::{Options, Packet};

/// Without options a block has 512 bytes (RFC 1350).
const PLAIN_BLOCK: u16 = 512;

/// The largest block that fits an Ethernet frame: larger ones would be fragmented, and firmware drops fragments.
pub const LARGEST_BLOCK: u16 = 1468;

/// Clients ask for what they can take: EDK2 for 4, until it is told otherwise. Beyond this a burst overruns the receive buffer
/// that Linux gives a socket, and the switch's on the way from a gigabit to a slower port.
pub const LARGEST_WINDOW: u16 = 64;

/// How long to wait for an answer unless the client names a time.
const WAIT: Duration = Duration::from_secs(1);

/// The longest wait a client may ask for: a silent one holds its place for `TRIES` times this.
const LONGEST_WAIT_S: u8 = 10;

/// How often the same packets are sent again before the client counts as gone.
const TRIES: u32 = 6;

/// What can happen to a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// The client sent something to this transfer's port.
    Packet(Packet<'a>),
    /// The client sent its request once more: our first packet was lost, or was late.
    Repeated,
    /// Nothing came for [`Transfer::wait`].
    Timeout,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send the accepted options.
    SendOptions(Options),
    /// Send these blocks.
    SendBlocks {
        /// Number of the first, counted from 1 and never wrapped.
        first: u64,
        /// How many.
        count: u16,
        /// How many of them have been sent before.
        again: u16,
    },
    /// Go on waiting.
    Wait,
    /// It is over.
    End(End),
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last block was acknowledged.
    Complete,
    /// The client sent an error, with this code.
    Aborted(u16),
    /// The client acknowledged nothing any more.
    Silent,
}

/// One file on its way to one client.
#[derive(Debug, Clone)]
pub struct Transfer {
    total: u64,
    block: u16,
    window: u16,
    wait: Duration,
    state: State,
    tries: u32,
    met: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The options were sent; ACK 0 is awaited.
    Negotiating(Options),
    /// Blocks before `base` were acknowledged, those before `next` were sent, those before `top` were ever sent.
    Sending {
        base: u64,
        next: u64,
        top: u64,
        /// An ACK of what was known already brought the window once more: only progress or time does so again.
        resent: bool,
    },
    Over(End),
}

impl Transfer {
    /// Begins to send a file of `total` bytes with the options the client wishes, and says what goes out first.
    pub fn begin(wishes: &Options, total: u64) -> (Transfer, Action) {
        let granted = Options {
            blksize: wishes.blksize.map(|size| size.min(LARGEST_BLOCK)),
            timeout: wishes.timeout.filter(|&seconds| seconds <= LONGEST_WAIT_S),
            tsize: wishes.tsize.map(|_| total),
            windowsize: wishes.windowsize.map(|size| size.min(LARGEST_WINDOW)),
        };
        let mut transfer = Transfer {
            total,
            block: granted.blksize.unwrap_or(PLAIN_BLOCK),
            window: granted.windowsize.unwrap_or(1),
            wait: granted.timeout.map_or(WAIT, |seconds| Duration::from_secs(seconds.into())),
            state: State::Negotiating(granted),
            tries: 0,
            met: false,
        };
        let action = if granted.is_empty() { transfer.send_from(1, 1) } else { Action::SendOptions(granted) };
        (transfer, action)
    }

    /// How long to wait for the client before [`Input::Timeout`].
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Where a block lies in the file: offset and length. The last one is short, perhaps empty.
    pub fn span(&self, block: u64) -> (u64, usize) {
        let offset = (block - 1) * u64::from(self.block);
        let length = self.total.saturating_sub(offset).min(u64::from(self.block));
        (offset, length as usize)
    }

    /// Bytes in every block but the last.
    pub fn block_size(&self) -> usize {
        self.block.into()
    }

    /// Bytes the client has acknowledged.
    pub fn acknowledged(&self) -> u64 {
        match self.state {
            State::Negotiating(_) => 0,
            State::Sending { base, .. } => ((base - 1) * u64::from(self.block)).min(self.total),
            State::Over(End::Complete) => self.total,
            State::Over(_) => 0,
        }
    }

    /// Whether the client has acknowledged anything. From then on its request, come again, means a new start.
    pub fn is_met(&self) -> bool {
        self.met
    }

    /// The one transition function.
    pub fn step(&mut self, input: &Input<'_>) -> Action {
        match (self.state, input) {
            (State::Over(end), _) => Action::End(end),
            (_, Input::Packet(Packet::Error { code, .. })) => self.end(End::Aborted(*code)),
            (_, Input::Timeout) => self.retry(),
            (State::Negotiating(options), Input::Repeated) => Action::SendOptions(options),
            // Plain RFC 1350: our first packet is block 1.
            (State::Sending { base, next, top, .. }, Input::Repeated) if !self.met => {
                self.send_again(base, next, top)
            }
            (State::Negotiating(_), Input::Packet(Packet::Ack(0))) => {
                (self.met, self.tries) = (true, 0);
                self.send_from(1, 1)
            }
            (State::Sending { base, next, top, resent }, Input::Packet(Packet::Ack(ack))) => {
                self.acknowledge(base, next, top, resent, *ack)
            }
            // Anything else is stale or misdirected and says nothing about this file.
            _ => Action::Wait,
        }
    }

    fn acknowledge(&mut self, base: u64, next: u64, top: u64, resent: bool, ack: u16) -> Action {
        // Numbers go round after 65535; only the distance from the last acknowledged block has a meaning.
        let news = u64::from(ack.wrapping_sub((base - 1) as u16));
        if news == 0 {
            // RFC 7440: a receiver with a gap repeats its last ACK. Once is believed. More would double every packet from
            // then on, and with a window of one even the first would (the sorcerer's apprentice).
            if self.window == 1 || resent {
                return Action::Wait;
            }
            self.state = State::Sending { base, next, top, resent: true };
            return self.send_again(base, next, top);
        }
        if base + news > next {
            return Action::Wait;
        }
        (self.met, self.tries) = (true, 0);
        let base = base + news;
        if base > self.last() {
            return self.end(End::Complete);
        }
        let gap = base < next;
        let action = self.send_from(base, top);
        if let State::Sending { resent, .. } = &mut self.state {
            // After an ACK in mid-window the blocks still on their way bring repeats of it.
            *resent = gap;
        }
        action
    }

    fn retry(&mut self) -> Action {
        self.tries += 1;
        if self.tries >= TRIES {
            return self.end(End::Silent);
        }
        match self.state {
            State::Negotiating(options) => Action::SendOptions(options),
            State::Sending { base, next, top, .. } => self.send_again(base, next, top),
            State::Over(end) => Action::End(end),
        }
    }

    fn end(&mut self, end: End) -> Action {
        self.state = State::Over(end);
        Action::End(end)
    }

    /// Sends a window; blocks before `top` have been sent before.
    fn send_from(&mut self, base: u64, top: u64) -> Action {
        let next = (base + u64::from(self.window)).min(self.last() + 1);
        self.state = State::Sending { base, next, top: top.max(next), resent: false };
        let again = top.saturating_sub(base).min(next - base);
        // Both are at most the window, which is 16 bits wide.
        Action::SendBlocks { first: base, count: (next - base) as u16, again: again as u16 }
    }

    fn send_again(&self, base: u64, next: u64, top: u64) -> Action {
        let again = (top - base).min(next - base);
        Action::SendBlocks { first: base, count: (next - base) as u16, again: again as u16 }
    }

    /// A block shorter than the rest says that it is the last; a file of whole blocks ends with an empty one.
    fn last(&self) -> u64 {
        self.total / u64::from(self.block) + 1
    }
}

#[cfg(test)]
mod tests;
