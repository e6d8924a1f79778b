"""The protocol layer alone, without sockets, against the reference client library's."""
