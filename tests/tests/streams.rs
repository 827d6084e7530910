//! Applications against a broker: the runtime end to end, over both transports.

mod streams {
    mod changes;
    mod end_to_end;
    mod failures;
    mod harness;
    mod lifecycle;
    mod logs;
    mod lost_end;
    mod origin;
    mod outputs;
    mod production;
    mod restore;
    mod timeouts;
}
