//! A shop's replenishment and price adjustment, driven by its sales.
//!
//! ```text
//! sales ── check ─┬─ bad ─► sales.dlq
//!                 ├─ by invoice ─► invoices            ├─ by country ─► totals
//!                 └─ merchandise, by product ─► stock-moves ─┬─ by day ─► demand-daily ─► demand of 28 days
//! products ──────────────────────────────────────────────────┼──── joined with it ─► policy
//! receipts ──────────────────────────────────────────────────┴─ stock ─┬─► stock-levels
//!     ▲                                                                ├─► reorder-suggestions ─┐
//!     └──────────────── supplier, after the lead time ◄────────────────┼────────────────────────┘
//!                                                                      └─ price ─► prices, price-changes
//! ```
//!
//! Stock is conserved, per product and at every record of `stock-levels`:
//! on hand = opening + received - sold + returned + adjusted. The opening stock is what the `products` topic says, or
//! [`Rules::opening_units`](rules::Rules::opening_units) for a product that it does not list.
//!
//! Processing is at least once, and what is counted is counted once all the same: lines carry the number of their row,
//! rows of one key arrive in order, and every row of every table keeps the last number that it has taken in
//! ([`model::Mark`]). A receipt is taken in only while its order is open.
//!
//! | module | what it is |
//! |---|---|
//! | [`calendar`] | days and dates of event time |
//! | [`model`] | the records on the topics, all JSON |
//! | [`lines`] | which lines are good, and what they mean for stock |
//! | [`demand`] | demand per day, and what it forecasts |
//! | [`rules`] | when to reorder and when to move a price: pure functions |
//! | [`stock`], [`pricing`] | the two processors with stores |
//! | [`topology`] | the pipeline |
//! | [`csv`] | the reader of the UCI file |
//! | [`generator`], [`supplier`] | made-up customers, and who delivers what the pipeline reorders |
//! | [`shop`] | broker and application in one process |
//! | [`deliveries`] | the supplier at work |
//! | [`view`] | what the pipeline wrote, read back |
//! | [`replay`], [`demo`], [`screen`], [`cli`] | the program `retail` |

pub mod calendar;
pub mod model;

pub mod demand;
pub mod lines;
pub mod rules;

pub mod pricing;
pub mod stock;

pub mod topology;

pub mod csv;
pub mod generator;
pub mod supplier;

pub mod shop;
pub mod view;

pub mod deliveries;

pub mod demo;
pub mod replay;
pub mod screen;

pub mod cli;
