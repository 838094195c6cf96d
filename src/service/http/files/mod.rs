//! What is stored, and served as it is: [`Files`] of a folder, and [`Embedded`] ones.

mod embedded;
mod folder;
mod plan;
mod spelling;
mod types;

pub use embedded::{Asset, Embedded, EmbeddedExchange};
pub use folder::{FileExchange, FileNews, Files};
pub use types::media_type;
