//! Rules about traffic that nobody can read: by volume and shape. What they say is a suspicion and stays one: no verdict, no
//! violation, no finding comes of it.

use std::sync::Arc;

use super::sets::Places;
use super::spec::Span;
use super::ways::{Way, WaySpec};
use crate::model::{Country, Ends, Facet, RuleRef, SuspicionRule, Timestamp};

/// A `[[suspicion]]` as written and checked.
pub(super) struct SuspicionSpec {
    pub(super) line: usize,
    pub(super) rule: SuspicionRule,
    pub(super) to: Places,
    pub(super) facets: Vec<Facet>,
    pub(super) services: Vec<String>,
    pub(super) way: WaySpec,
    pub(super) span: Span,
}

/// A suspicion ready for use.
pub(super) struct Suspicion {
    rule: Arc<SuspicionRule>,
    to: Places,
    facets: Vec<Facet>,
    services: Vec<String>,
    way: Way,
    span: Span,
}

/// Where octets go that a suspicion may be about.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// When, on the packet clock.
    pub time: Timestamp,
    /// Where the address is.
    pub location: Country,
    /// Who controls the service.
    pub control: Country,
    /// Class of the service, if the catalogue knows it.
    pub service_class: Option<&'a str>,
    /// The ends.
    pub ends: Ends<'a>,
}

impl Suspicion {
    pub(super) fn new(spec: SuspicionSpec, way: Way) -> Self {
        let SuspicionSpec { rule, to, facets, services, span, .. } = spec;
        Self { rule: Arc::new(rule), to, facets, services, way, span }
    }

    pub(super) const fn rule(&self) -> &Arc<SuspicionRule> {
        &self.rule
    }

    pub(super) fn reference(&self) -> &Arc<RuleRef> {
        &self.rule.rule
    }

    /// Whether it is about these octets. An unknown place is suspected like any that is meant.
    pub(super) fn is_about(&self, sending: &Sending<'_>) -> bool {
        let control = if sending.control.is_known() { sending.control } else { sending.location };
        let place = |facet: &Facet| match facet {
            Facet::Location => sending.location,
            Facet::Control => control,
        };
        let service = self.services.is_empty()
            || sending.service_class.is_some_and(|class| self.services.iter().any(|service| service == class));
        service
            && self.span.contains(sending.time.nanos())
            && self.facets.iter().any(|facet| self.to.hold(place(facet), None) != super::sets::Holds::No)
            && self.way.holds(&sending.ends)
    }
}
