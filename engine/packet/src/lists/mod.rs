//! Lists of names, clients and resolvers: of which responses are exported, and of which not.
//!
//! A list is made once and never changes, so that all decoders share it. What a look-up costs does
//! not grow with the names of a list, and with the logarithm of its prefixes.
//!
//! The module reads no files, and knows nothing of a message but the [name](Asked) that it is about:
//! a message that no list refuses is still to be read.

mod names;
mod prefixes;
mod presentation;

use dnsflow_wire::dns::Asked;
use dnsflow_wire::response::Endpoints;

use crate::Reject;
pub use names::NameSet;
pub use prefixes::{Prefix, PrefixError, PrefixSet};
pub use presentation::NameTextError;

/// A list of what is taken, and one of what is not. What both have is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<Set> {
    /// Nothing else is taken; `None` takes everything.
    pub only: Option<Set>,
    /// This is not taken.
    pub never: Option<Set>,
}

impl<Set> Default for Listed<Set> {
    fn default() -> Self {
        Self {
            only: None,
            never: None,
        }
    }
}

impl<Set> Listed<Set> {
    /// Whether there is no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.only.is_none() && self.never.is_none()
    }

    /// Which of the two reasons applies to something, if any does.
    #[inline(always)]
    fn refuse(
        &self,
        [excluded, unlisted]: [Reject; 2],
        is_in: impl Fn(&Set) -> bool,
    ) -> Result<(), Reject> {
        if self.never.as_ref().is_some_and(&is_in) {
            return Err(excluded);
        }
        if self.only.as_ref().is_some_and(|only| !is_in(only)) {
            return Err(unlisted);
        }
        Ok(())
    }
}

/// All lists of a selection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// By the name that is asked for: that of the question, or of the first answer where multicast
    /// DNS has no question.
    pub names: Listed<NameSet>,
    /// By the client's address.
    pub clients: Listed<PrefixSet>,
    /// By the resolver's address.
    pub resolvers: Listed<PrefixSet>,
}

impl Lists {
    /// Whether there is no list.
    #[must_use]
    pub fn are_empty(&self) -> bool {
        self.names.is_empty() && self.clients.is_empty() && self.resolvers.is_empty()
    }

    /// Why a message between these hosts is not taken. A message that has no name is left to who
    /// reads it. `name` is memory.
    ///
    /// # Errors
    /// The reason: the first of those that apply, in the order of [`Reject`].
    #[inline(always)]
    pub fn check(
        &self,
        message: &[u8],
        endpoints: &Endpoints,
        name: &mut Asked,
    ) -> Result<(), Reject> {
        if !self.clients.is_empty() {
            let reasons = [Reject::ClientExcluded, Reject::ClientUnlisted];
            let client = endpoints.client();
            self.clients.refuse(reasons, |set| set.contains(client))?;
        }
        if !self.resolvers.is_empty() {
            let reasons = [Reject::ResolverExcluded, Reject::ResolverUnlisted];
            let resolver = endpoints.resolver();
            let is_in = |set: &PrefixSet| set.contains(resolver);
            self.resolvers.refuse(reasons, is_in)?;
        }
        if !self.names.is_empty() && name.read(message).is_ok() {
            let reasons = [Reject::NameExcluded, Reject::NameUnlisted];
            self.names.refuse(reasons, |set| set.contains(name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
