//! Log records: read from files and sockets, brought into one shape, counted. Nothing here depends on TLS.
