//! Certificates: found, read, made, renewed, and put in place whole.
