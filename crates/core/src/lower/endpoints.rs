//! The networks of a new container: docker/cli `parseNetworkOpts` in `cli/command/container/opts.go`.

use std::collections::HashMap;

use bollard_stubs::models::{EndpointIpamConfig, EndpointSettings};

use crate::grammar::parse::Invocation;
use crate::grammar::values::{self, Attachment};

fn is_user_defined(mode: &str) -> bool {
    !matches!(mode, "" | "default" | "bridge" | "host" | "none" | "nat") && !mode.starts_with("container:")
}

/// Where a new container is attached, by network: what `--network` names, the first with the container's own options.
pub fn endpoints(
    invocation: &Invocation,
    attachments: Vec<Attachment>,
) -> Result<HashMap<String, EndpointSettings>, String> {
    let mut endpoints: HashMap<String, EndpointSettings> = HashMap::new();
    let count = attachments.len();
    let (mut user_defined, mut other) = (false, false);
    let attachments = if count == 0 {
        vec![Attachment { target: "default".to_owned(), ..Attachment::default() }]
    } else {
        for attachment in &attachments {
            if is_user_defined(&attachment.target) { user_defined = true } else { other = true }
        }
        attachments
    };
    for (index, mut attachment) in attachments.into_iter().enumerate() {
        if index == 0 {
            apply_container_options(invocation, &mut attachment)?;
        }
        let endpoint = endpoint(&attachment)?;
        if count > 0 && endpoints.contains_key(&attachment.target) {
            return Err(format!("network {:?} is specified multiple times", attachment.target));
        }
        if index == 0 && count == 1 && endpoint == EndpointSettings::default() {
            continue;
        }
        endpoints.insert(attachment.target, endpoint);
    }
    if user_defined && other {
        return Err(
            "conflicting options: cannot attach both user-defined and non-user-defined network-modes".to_owned()
        );
    }
    Ok(endpoints)
}

/// The client sends an endpoint's empty fields too.
pub fn as_sent(endpoint: EndpointSettings) -> EndpointSettings {
    let empty = || Some(String::new());
    EndpointSettings {
        mac_address: endpoint.mac_address.or_else(empty),
        gw_priority: endpoint.gw_priority.or(Some(0)),
        network_id: empty(),
        endpoint_id: empty(),
        gateway: empty(),
        ip_address: empty(),
        ip_prefix_len: Some(0),
        ipv6_gateway: empty(),
        global_ipv6_address: empty(),
        global_ipv6_prefix_len: Some(0),
        ..endpoint
    }
}

fn apply_container_options(invocation: &Invocation, attachment: &mut Attachment) -> Result<(), String> {
    let conflict = |what: &str| Err(format!("conflicting options: cannot specify both {what}"));
    let aliases: Vec<String> = invocation.all(&["network-alias", "net-alias"]).map(|set| set.value.clone()).collect();
    let local = invocation.list("link-local-ip");
    let address = |name: &str| {
        let text = invocation.text(name);
        if text == "<nil>" { String::new() } else { text.to_owned() }
    };
    let (ipv4, ipv6, mac) = (address("ip"), address("ip6"), address("mac-address"));
    if !attachment.aliases.is_empty() && !aliases.is_empty() {
        return conflict("--network-alias and per-network alias");
    }
    if !attachment.ipv4.is_empty() && !ipv4.is_empty() {
        return conflict("--ip and per-network IPv4 address");
    }
    if !attachment.ipv6.is_empty() && !ipv6.is_empty() {
        return conflict("--ip6 and per-network IPv6 address");
    }
    if !attachment.mac.is_empty() && !mac.is_empty() {
        return conflict("--mac-address and per-network MAC address");
    }
    if !attachment.link_local.is_empty() && !local.is_empty() {
        return conflict("--link-local-ip and per-network link-local IP addresses");
    }
    let fill = |into: &mut String, from: String| {
        if !from.is_empty() {
            *into = from;
        }
    };
    fill(&mut attachment.ipv4, ipv4);
    fill(&mut attachment.ipv6, ipv6);
    fill(&mut attachment.mac, mac);
    if !aliases.is_empty() {
        attachment.aliases = aliases;
    }
    if !local.is_empty() {
        attachment.link_local = local;
    }
    // A link belongs to the endpoint only on a user-defined network.
    if is_user_defined(&attachment.target) {
        attachment.links = invocation.list("link");
    }
    Ok(())
}

fn endpoint(attachment: &Attachment) -> Result<EndpointSettings, String> {
    if attachment.target.trim().is_empty() {
        return Err("no name set for network".to_owned());
    }
    if !is_user_defined(&attachment.target) && !attachment.aliases.is_empty() {
        return Err("network-scoped aliases are only supported for user-defined networks".to_owned());
    }
    if !attachment.mac.is_empty() && !values::is_mac(&attachment.mac) {
        return Err(format!("{} is not a valid mac address", attachment.mac));
    }
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let addressed = !attachment.ipv4.is_empty() || !attachment.ipv6.is_empty() || !attachment.link_local.is_empty();
    Ok(EndpointSettings {
        ipam_config: addressed.then(|| EndpointIpamConfig {
            ipv4_address: some(&attachment.ipv4),
            ipv6_address: some(&attachment.ipv6),
            link_local_ips: (!attachment.link_local.is_empty()).then(|| attachment.link_local.clone()),
        }),
        links: (!attachment.links.is_empty()).then(|| attachment.links.clone()),
        mac_address: some(&attachment.mac),
        aliases: (!attachment.aliases.is_empty()).then(|| attachment.aliases.clone()),
        driver_opts: (!attachment.driver_opts.is_empty()).then(|| attachment.driver_opts.clone()),
        gw_priority: (attachment.gateway_priority != 0).then_some(attachment.gateway_priority),
        ..EndpointSettings::default()
    })
}
