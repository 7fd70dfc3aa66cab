"""VPC endpoints for each service that functions, runs and jobs call, where the environment file says that we make them.

With them nothing needs a way out of the subnets: no NAT, no internet gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import CfnOutput, Environment, Fn, Stack, aws_ec2 as ec2
from constructs import Construct

from stacks.settings.environment import Network
from stacks.settings.services import Service

HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class NetworkProps:
    """Where, and for which services."""

    network: Network
    services: Sequence[Service]


class NetworkStack(Stack):
    """One an environment; none where the VPC has its endpoints."""

    def __init__(self, scope: Construct, construct_id: str, props: NetworkProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: VPC endpoints of what is called")
        self._network = props.network
        group = self._group()
        for service in props.services:
            if service.is_gateway:
                self._gateway(service)
            else:
                self._interface(service, group)
        names = [service.name(self.region) for service in props.services]
        CfnOutput(self, "Services", value=Fn.join(",", names), description="What is reached without leaving the VPC")

    def _group(self) -> str:
        """Who may call: what runs in the environment's security groups, by TLS."""
        group = ec2.CfnSecurityGroup(
            self,
            "Group",
            group_description="VPC endpoints of model monitoring",
            vpc_id=self._network.vpc_id,
            security_group_ingress=[
                ec2.CfnSecurityGroup.IngressProperty(
                    ip_protocol="tcp",
                    from_port=HTTPS,
                    to_port=HTTPS,
                    source_security_group_id=caller,
                    description="Functions, runs and jobs",
                )
                for caller in self._network.security_groups
            ],
            # an endpoint answers and never calls; without a rule of ours EC2 would let everything out
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="icmp", from_port=252, to_port=86, cidr_ip="255.255.255.255/32", description="Nothing"
                )
            ],
        )
        return group.attr_group_id

    def _gateway(self, service: Service) -> None:
        ec2.CfnVPCEndpoint(
            self,
            self._id(service),
            vpc_id=str(self._network.vpc_id),
            service_name=service.name(self.region),
            vpc_endpoint_type="Gateway",
            route_table_ids=list(self._network.route_tables),
        )

    def _interface(self, service: Service, group: str) -> None:
        ec2.CfnVPCEndpoint(
            self,
            self._id(service),
            vpc_id=str(self._network.vpc_id),
            service_name=service.name(self.region),
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=list(self._network.subnets),
            security_group_ids=[group],
        )

    @staticmethod
    def _id(service: Service) -> str:
        return service.endpoint.title().replace(".", "")
