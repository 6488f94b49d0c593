//! Origins: the resolver, and where its response was seen.

use core::net::IpAddr;

use super::DecodeError;
use crate::cursor::Cursor;

/// Port of a resolver that is not told.
pub(super) const DNS_PORT: u16 = 53;

/// Bits of the form.
pub(super) const FORM_IPV6: u8 = 1 << 0;
pub(super) const FORM_PORT: u8 = 1 << 1;
pub(super) const FORM_INTERFACE: u8 = 1 << 2;
pub(super) const FORM_VLAN: u8 = 1 << 3;
pub(super) const FORM_INNER_VLAN: u8 = 1 << 4;
pub(super) const FORM_VNI: u8 = 1 << 5;

/// Longest name of an interface, in bytes (IFNAMSIZ of linux/if.h, without its NUL).
pub(super) const MAX_INTERFACE_BYTES: u8 = 15;

/// Largest VLAN identifier.
const MAX_VLAN: u16 = 0x0fff;

/// First bytes of an origin: it follows, it follows and gets a number, and the first number.
pub(super) const FOLLOWS: u8 = 0;
pub(super) const FOLLOWS_NUMBERED: u8 = 1;
pub(super) const FIRST_NUMBER: u8 = 2;

/// Numbers that a datagram can give: 2 to 255.
const MAX_NUMBERED: usize = 254;

/// The resolver, and where its response was seen.
///
/// ```text
/// length 1 | form 1 | address 4 or 16 | port 2 | interface: length 1, name | VLAN 2 | inner VLAN 2 | VNI 4
///
///   7  6  5  4  3  2  1  0
/// +--+--+--+--+--+--+--+--+
/// | 0  0|VN|IV|VL|IF|PO| 6|   form: which fields are there
/// +--+--+--+--+--+--+--+--+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Address of the resolver.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Name of the sensor's interface, 1 to 15 bytes.
    pub interface: Option<&'a [u8]>,
    /// VLAN identifier of the outer tag, 0 to 4095.
    pub vlan: Option<u16>,
    /// VLAN identifier of the tag behind that.
    pub inner_vlan: Option<u16>,
    /// Identifier of the outermost tunnel that has one: the VNI of VXLAN or Geneve.
    pub vni: Option<u32>,
}

impl<'a> Origin<'a> {
    /// Reads the fields at the cursor, and skips what is behind those that are known.
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let [length] = cursor.field("origin")?;
        let at = cursor.at;
        cursor.bytes(length.into(), "origin")?;
        let mut cursor = Cursor {
            bytes: cursor.bytes.get(..cursor.at).unwrap_or_default(),
            at,
        };
        let [form] = cursor.field("origin")?;
        let has = |bit| form & bit != 0;
        let address = address(&mut cursor, has(FORM_IPV6), "resolver's address")?;
        let port = has(FORM_PORT).then(|| cursor.number("resolver's port"));
        let interface = has(FORM_INTERFACE).then(|| interface(&mut cursor));
        let interface = interface.transpose()?;
        let outer = has(FORM_VLAN).then(|| vlan(&mut cursor)).transpose()?;
        let inner = has(FORM_INNER_VLAN).then(|| vlan(&mut cursor));
        let inner = inner.transpose()?;
        let vni = has(FORM_VNI).then(|| cursor.field("VNI")).transpose()?;
        Ok(Self {
            address,
            port: port.transpose()?.unwrap_or(DNS_PORT),
            interface,
            vlan: outer,
            inner_vlan: inner,
            vni: vni.map(u32::from_be_bytes),
        })
    }
}

/// An address of 4 or 16 bytes.
pub(super) fn address(
    cursor: &mut Cursor<'_>,
    is_ipv6: bool,
    field: &'static str,
) -> Result<IpAddr, DecodeError> {
    if is_ipv6 {
        cursor.field::<16>(field).map(IpAddr::from)
    } else {
        cursor.field::<4>(field).map(IpAddr::from)
    }
}

fn interface<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], DecodeError> {
    let (at, field) = (cursor.at, "interface");
    let [length] = cursor.field(field)?;
    if length == 0 || length > MAX_INTERFACE_BYTES {
        return Err(DecodeError::Value { at, field });
    }
    cursor.bytes(length.into(), field)
}

fn vlan(cursor: &mut Cursor<'_>) -> Result<u16, DecodeError> {
    let (at, field) = (cursor.at, "VLAN");
    let vlan = cursor.number(field)?;
    if vlan > MAX_VLAN {
        return Err(DecodeError::Value { at, field });
    }
    Ok(vlan)
}

/// Where the numbered origins of a datagram are.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    offsets: [usize; MAX_NUMBERED],
    count: usize,
}

impl Default for Origins {
    fn default() -> Self {
        Self {
            offsets: [0; MAX_NUMBERED],
            count: 0,
        }
    }
}

impl Origins {
    /// Reads the origin at the cursor, or the one that has the number there.
    pub(super) fn origin<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
    ) -> Result<Origin<'a>, DecodeError> {
        let at = cursor.at;
        let [number] = cursor.field("origin")?;
        match number {
            FOLLOWS => Origin::parse(cursor),
            FOLLOWS_NUMBERED => {
                // One more than there are numbers for has none.
                if let Some(slot) = self.offsets.get_mut(self.count) {
                    *slot = cursor.at;
                    self.count += 1;
                }
                Origin::parse(cursor)
            }
            FIRST_NUMBER.. => {
                let known = self.offsets.get(..self.count).unwrap_or_default();
                let offset = known.get(usize::from(number - FIRST_NUMBER));
                let before = offset.ok_or(DecodeError::Origin { at, number })?;
                Origin::parse(&mut Cursor {
                    bytes: cursor.bytes,
                    at: *before,
                })
            }
        }
    }
}
