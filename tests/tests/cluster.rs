//! The clients against the broker: producer, consumer and admin, each suite over both transports from one source.

mod cluster {
    mod support;

    mod connections;
    mod consume;
    mod faults;
    mod lost_end;
    mod peer;
    mod produce;
    mod tcp;
    mod topics;
}
