//! DHCP, TFTP, HTTP, boot scripts and the probe image. Depends on nothing of ours.
