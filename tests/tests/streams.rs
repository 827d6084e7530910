//! Applications against a broker: the runtime end to end, over both transports.

mod streams {
    mod changes;
    mod end_to_end;
    mod failures;
    mod harness;
    mod lifecycle;
    mod lost_end;
    mod production;
    mod restore;
    mod timeouts;
}
