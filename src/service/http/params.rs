//! [`Params`]: the parts of a path that a route left open.

use std::sync::Arc;

use crate::wire::http::number;

/// How many parts of a path a route can leave open.
pub(super) const PARAMS_MAX: usize = 8;

/// The parts of a path that a route left open, as `{id}` does: their names, and where in the path
/// they stand. Nothing is copied.
#[derive(Clone, Debug, Default)]
pub struct Params {
    names: Option<Arc<[String]>>,
    spans: [(u32, u32); PARAMS_MAX],
}

impl Params {
    pub(super) const NONE: Self = Self { names: None, spans: [(0, 0); PARAMS_MAX] };

    /// `values` are parts of `path`, in the order of `names`.
    pub(super) fn new<'p>(
        names: &Arc<[String]>,
        path: &str,
        values: impl Iterator<Item = &'p str>,
    ) -> Self {
        let mut spans = [(0, 0); PARAMS_MAX];
        for (span, value) in spans.iter_mut().zip(values) {
            let start = (value.as_ptr() as usize).saturating_sub(path.as_ptr() as usize);
            *span = (start as u32, (start + value.len()) as u32);
        }
        Self { names: Some(names.clone()), spans }
    }

    /// What stands in `path` for `name`, still percent-encoded.
    pub fn get<'p>(&self, path: &'p str, name: &str) -> Option<&'p str> {
        let names = self.names.as_ref()?;
        let at = names.iter().position(|known| known == name)?;
        let (start, end) = *self.spans.get(at)?;
        path.get(start as usize..end as usize)
    }

    /// The number that stands in `path` for `name`, if it is one: digits, and nothing else.
    pub fn number(&self, path: &str, name: &str) -> Option<u64> {
        number(self.get(path, name)?.as_bytes())
    }

    /// What stands in `path` for the last name: for routes that end with `{*path}`.
    pub(super) fn last<'p>(&self, path: &'p str) -> Option<&'p str> {
        let last = self.names.as_ref()?.last()?;
        self.get(path, last)
    }
}
