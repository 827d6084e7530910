//! Option objects under Kafka's names: what an operator takes beside its closure. Each is a plain value with fluent
//! methods; every operator has defaults without one.

mod branched;
mod consumed;
mod grouped;
mod joined;
mod materialized;
mod printed;
mod produced;
mod repartitioned;

pub use branched::Branched;
pub use consumed::Consumed;
pub use grouped::Grouped;
pub use joined::Joined;
pub use materialized::Materialized;
pub use printed::Printed;
pub use produced::Produced;
pub use repartitioned::Repartitioned;
