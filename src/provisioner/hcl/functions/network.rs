//! IP networks in CIDR notation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{ANY, Args, Care, Function, Host, f};
use crate::provisioner::hcl::eval::{EvalError, Result};
use crate::provisioner::hcl::value::Value;

pub(super) const TABLE: &[Function] = &[
    f("cidrhost", 2, 2, Care::Deep, |_, a| {
        let net = Net::parse(&a.text(0)?)?;
        let n = i128::from(a.integer(1)?);
        let size = net.hosts();
        let place = if n < 0 { size.checked_sub(n.unsigned_abs()) } else { Some(n as u128).filter(|n| *n < size) };
        let place = place.ok_or_else(|| EvalError::new(format!("the network has no address number {n}")))?;
        Ok(net.address(net.base | place).to_string().into())
    }),
    f("cidrnetmask", 1, 1, Care::Deep, |_, a| {
        let net = Net::parse(&a.text(0)?)?;
        if net.bits == 128 {
            return Err(EvalError::new("IPv6 networks have no netmask"));
        }
        Ok(net.address(net.mask()).to_string().into())
    }),
    f("cidrsubnet", 3, 3, Care::Deep, |_, a| {
        let net = Net::parse(&a.text(0)?)?;
        Ok(net.subnet(a.size(1)?, a.size(2)? as u128)?.to_string().into())
    }),
    f("cidrsubnets", 1, ANY, Care::Deep, cidrsubnets),
];

struct Net {
    base: u128,
    prefix: u32,
    bits: u32,
}

impl Net {
    fn parse(text: &str) -> Result<Net> {
        let wrong = || EvalError::new(format!("{text:?} is not a network in CIDR notation"));
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
        let (base, bits) = match address.parse().map_err(|_| wrong())? {
            IpAddr::V4(v4) => (u32::from(v4).into(), 32),
            IpAddr::V6(v6) => (u128::from(v6), 128),
        };
        if prefix > bits {
            return Err(wrong());
        }
        let mut net = Net { base, prefix, bits };
        net.base &= net.mask();
        Ok(net)
    }
    fn all(&self) -> u128 {
        u128::MAX >> (128 - self.bits)
    }
    fn mask(&self) -> u128 {
        self.all() & !self.all().checked_shr(self.prefix).unwrap_or(0)
    }
    fn hosts(&self) -> u128 {
        (self.all() & !self.mask()).saturating_add(1)
    }
    fn address(&self, n: u128) -> IpAddr {
        match self.bits {
            32 => Ipv4Addr::from(n as u32).into(),
            _ => Ipv6Addr::from(n).into(),
        }
    }
    fn subnet(&self, newbits: usize, number: u128) -> Result<Net> {
        let prefix = u32::try_from(newbits).ok().and_then(|n| self.prefix.checked_add(n)).filter(|p| *p <= self.bits);
        let prefix = prefix.ok_or_else(|| EvalError::new(format!("a prefix cannot grow by {newbits} bits here")))?;
        let room = prefix - self.prefix;
        if room < 128 && number >> room != 0 {
            return Err(EvalError::new(format!("{room} bits have no room for subnet {number}")));
        }
        let place = number.checked_shl(self.bits - prefix).unwrap_or(0);
        Ok(Net { base: self.base | place, prefix, bits: self.bits })
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address(self.base), self.prefix)
    }
}

fn cidrsubnets(_: &Host, a: Args) -> Result<Value> {
    let net = Net::parse(&a.text(0)?)?;
    let full = || EvalError::new("the network has no room for all these subnets");
    let mut next = net.base;
    let mut out = Vec::new();
    for i in 1..a.len() {
        let size = net.subnet(a.size(i)?, 0)?;
        let step = size.hosts();
        let start = next.checked_next_multiple_of(step).ok_or_else(full)?;
        if start & net.mask() != net.base {
            return Err(full());
        }
        out.push(Net { base: start, ..size }.to_string());
        next = start.checked_add(step).ok_or_else(full)?;
    }
    Ok(Value::strings(out))
}
