//! HTTP and the event stream, wire types, rights, the window's gateway.
