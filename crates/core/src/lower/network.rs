//! Networks: docker/cli `cli/command/network`.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use bollard_stubs::models::{
    ConfigReference, EndpointIpamConfig, EndpointSettings, Ipam, IpamConfig, NetworkConnectRequest,
    NetworkCreateRequest, NetworkDisconnectRequest,
};

use super::endpoints::as_sent;
use super::{Body, Effect, Effects, Request, Typed, for_each, origins_of, prune_filters, to_map, trim_id};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    match invocation.canonical() {
        "network create" => create(invocation),
        "network connect" => connect(invocation),
        "network disconnect" => {
            let (network, container) = (trim_id("network", invocation.operand(0))?, invocation.operand(1).trim());
            if container.is_empty() {
                return Err("invalid container name or ID: value is empty".to_owned());
            }
            let body =
                NetworkDisconnectRequest { container: container.to_owned(), force: Some(invocation.on("force")) };
            let request =
                Request::new("POST", format!("/networks/{network}/disconnect"), invocation.operands.origins());
            Ok(vec![Effect::Request(request.body(Body::Disconnect(body)))])
        }
        "network rm" => Ok(for_each(invocation, |name, origins| {
            Request::new("DELETE", format!("/networks/{}", name.trim()), origins)
        })),
        "network prune" => {
            let mut request = Request::new("POST", "/networks/prune", invocation.named_by.origins());
            if let Some(filters) = prune_filters(invocation, host, &[]) {
                request = request.with("filters", filters);
            }
            Ok(vec![Effect::Request(request)])
        }
        _ => Ok(Vec::new()),
    }
}

/// A comma-separated flag's values in the order typed.
fn slice(invocation: &Invocation, name: &str) -> Vec<String> {
    invocation.all(&[name]).flat_map(|set| values::read_record(&set.value).unwrap_or_default()).collect()
}

fn create(invocation: &Invocation) -> Effects {
    let ipam = address_management(invocation)?;
    let from = invocation.text("config-from");
    let toggle = |name: &str| invocation.changed(name).then(|| invocation.on(name));
    let body = NetworkCreateRequest {
        name: invocation.operand(0).to_owned(),
        driver: Some(invocation.text("driver").to_owned()),
        scope: Some(invocation.text("scope").to_owned()),
        internal: Some(invocation.on("internal")),
        attachable: Some(invocation.on("attachable")),
        ingress: Some(invocation.on("ingress")),
        config_only: Some(invocation.on("config-only")),
        config_from: (!from.is_empty()).then(|| ConfigReference { network: Some(from.to_owned()) }),
        ipam: Some(ipam),
        enable_ipv4: toggle("ipv4"),
        enable_ipv6: toggle("ipv6"),
        options: Some(to_map(&invocation.list("opt"))),
        labels: Some(to_map(&invocation.list("label"))),
    };
    let request = Request::new("POST", "/networks/create", invocation.operands.origins())
        .body(Body::Network(Box::new(body)))
        .part("Driver", origins_of(invocation, &["driver"]));
    Ok(vec![Effect::Request(request)])
}

fn address_management(invocation: &Invocation) -> Result<Ipam, String> {
    let (subnets, ranges) = (slice(invocation, "subnet"), slice(invocation, "ip-range"));
    let gateways = slice(invocation, "gateway");
    if subnets.len() < ranges.len() || subnets.len() < gateways.len() {
        return Err("every ip-range or gateway must have a corresponding subnet".to_owned());
    }
    let mut configs: Vec<(String, IpamConfig)> = Vec::new();
    // Two networks overlap where one is a prefix of the other: each is looked up among all prefixes of those before.
    let (mut networks, mut prefixes) = (HashSet::new(), HashSet::new());
    for subnet in &subnets {
        if subnets.len() > 1 {
            let (address, length) = parse_cidr(subnet).map_err(|error| format!("invalid subnet: {error}"))?;
            let prefix = |length: u8| (prefix(address, length), length);
            if prefixes.contains(&prefix(length)) || (0..=length).any(|length| networks.contains(&prefix(length))) {
                return Err("multiple overlapping subnet configuration is not supported".to_owned());
            }
            networks.insert(prefix(length));
            prefixes.extend((0..=length).map(prefix));
        }
        let config = IpamConfig {
            subnet: Some(subnet.clone()),
            auxiliary_addresses: Some(HashMap::new()),
            ..IpamConfig::default()
        };
        configs.push((subnet.clone(), config));
    }
    let subnets = Subnets::default();
    for range in &ranges {
        parse_cidr(range)?;
        let Some((subnet, config)) = subnets.of(&configs, range)?.and_then(|at| configs.get_mut(at)) else {
            return Err(format!("no matching subnet for range {range}"));
        };
        if let Some(other) = &config.ip_range {
            return Err(format!("cannot configure multiple ranges ({range}, {other}) on the same subnet ({subnet})"));
        }
        config.ip_range = Some(range.clone());
    }
    for gateway in &gateways {
        let Some((subnet, config)) = subnets.of(&configs, gateway)?.and_then(|at| configs.get_mut(at)) else {
            return Err(format!("no matching subnet for gateway {gateway}"));
        };
        if let Some(other) = &config.gateway {
            return Err(format!(
                "cannot configure multiple gateways ({gateway}, {other}) for the same subnet ({subnet})"
            ));
        }
        config.gateway = Some(gateway.clone());
    }
    for (name, address) in to_map(&invocation.list("aux-address")) {
        let Some((_, config)) = subnets.of(&configs, &address)?.and_then(|at| configs.get_mut(at)) else {
            return Err(format!("no matching subnet for aux-address {address}"));
        };
        config.auxiliary_addresses.get_or_insert_default().insert(name, address);
    }
    Ok(Ipam {
        driver: Some(invocation.text("ipam-driver").to_owned()),
        config: Some(configs.into_iter().map(|(_, config)| config).collect()),
        options: Some(to_map(&invocation.list("ipam-opt"))),
    })
}

fn parse_cidr(text: &str) -> Result<(IpAddr, u8), String> {
    let invalid = || format!("invalid CIDR address: {text}");
    let (address, length) = text.split_once('/').ok_or_else(invalid)?;
    let address: IpAddr = address.parse().map_err(|_| invalid())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = length.parse().map_err(|_| invalid())?;
    if length > most { Err(invalid()) } else { Ok((address, length)) }
}

/// The subnets of a network, none of which overlap, by their prefix; read at the first look.
#[derive(Default)]
struct Subnets(OnceCell<HashMap<Prefix, usize>>);

/// The first bits of an address, with its kind, and how many they are.
type Prefix = ((bool, u128), u8);

impl Subnets {
    /// The subnet in which the address, or the start of the range, lies.
    fn of(&self, configs: &[(String, IpamConfig)], data: &str) -> Result<Option<usize>, String> {
        let known = match self.0.get() {
            Some(known) => known,
            None => {
                let mut known = HashMap::new();
                for (at, (subnet, _)) in configs.iter().enumerate() {
                    let (network, length) = parse_cidr(subnet).map_err(|error| format!("invalid subnet: {error}"))?;
                    known.insert((prefix(network, length), length), at);
                }
                self.0.get_or_init(|| known)
            }
        };
        let address = match data.contains('/') {
            true if configs.is_empty() => return Ok(None),
            true => parse_cidr(data)?.0,
            false => match data.parse() {
                Ok(address) => address,
                Err(_) => return Ok(None),
            },
        };
        Ok((0..=128).find_map(|length| known.get(&(prefix(address, length), length)).copied()))
    }
}

/// Whether the address is one of IPv4, and its first bits.
fn prefix(address: IpAddr, length: u8) -> (bool, u128) {
    let (four, bits) = match address {
        IpAddr::V4(four) => (true, u128::from(u32::from(four)) << 96),
        IpAddr::V6(six) => (false, u128::from(six)),
    };
    (four, if length == 0 { 0 } else { bits >> (128 - u32::from(length.min(128))) })
}

fn connect(invocation: &Invocation) -> Effects {
    let mut options = HashMap::new();
    for option in slice(invocation, "driver-opt") {
        let (key, value) = option
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or("invalid key/value pair format in driver options")?;
        options.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    let text = |name: &str| match invocation.text(name) {
        "" | "<nil>" => None,
        text => Some(text.to_owned()),
    };
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: text("ip"),
            ipv6_address: text("ip6"),
            link_local_ips: some(slice(invocation, "link-local-ip")),
        }),
        links: some(invocation.list("link")),
        aliases: some(slice(invocation, "alias")),
        driver_opts: (!options.is_empty()).then_some(options),
        gw_priority: Some(invocation.int("gw-priority")).filter(|priority| *priority != 0),
        ..EndpointSettings::default()
    };
    let (network, container) = (trim_id("network", invocation.operand(0))?, invocation.operand(1).trim());
    if container.is_empty() {
        return Err("invalid container name or ID: value is empty".to_owned());
    }
    let body = NetworkConnectRequest { container: container.to_owned(), endpoint_config: Some(as_sent(endpoint)) };
    let request = Request::new("POST", format!("/networks/{network}/connect"), invocation.operands.origins());
    Ok(vec![Effect::Request(request.body(Body::Connect(Box::new(body))))])
}
