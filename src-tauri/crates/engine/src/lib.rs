//! One loop: commands and observations in, events and status out.
