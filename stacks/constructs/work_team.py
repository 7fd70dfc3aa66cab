"""A work team of the account's private workforce over a Cognito user pool."""

from __future__ import annotations

from aws_cdk import aws_cognito as cognito, aws_sagemaker as sagemaker
from constructs import Construct

CALLBACK = "https://replaced.invalid/oauth2/idpresponse"  # until the workforce writes its own portal's there


class WorkTeam(Construct):
    """People of one group of the pool. arn: of the team. An account has one private workforce in a Region."""

    def __init__(self, scope: Construct, construct_id: str, *, pool: cognito.IUserPool, environment: str) -> None:
        super().__init__(scope, construct_id)
        group = cognito.CfnUserPoolGroup(
            self,
            "Workers",
            user_pool_id=pool.user_pool_id,
            group_name=f"review-{environment}-workers",
            description="Workers of Augmented AI",
        )
        client = cognito.CfnUserPoolClient(
            self,
            "Client",
            user_pool_id=pool.user_pool_id,
            generate_secret=True,  # a workforce asks for one
            allowed_o_auth_flows=["code", "implicit"],
            allowed_o_auth_flows_user_pool_client=True,
            allowed_o_auth_scopes=["openid", "email", "profile"],
            callback_ur_ls=[CALLBACK],
            supported_identity_providers=["COGNITO"],
            prevent_user_existence_errors="ENABLED",
        )
        workforce = sagemaker.CfnWorkforce(
            self,
            "Workforce",
            workforce_name=f"review-{environment}",
            cognito_config=sagemaker.CfnWorkforce.CognitoConfigProperty(
                user_pool=pool.user_pool_id, client_id=client.ref
            ),
        )
        team = sagemaker.CfnWorkteam(
            self,
            "Team",
            description="Reviewers of predictions",
            workforce_name=workforce.workforce_name,
            workteam_name=f"review-{environment}",
            member_definitions=[
                sagemaker.CfnWorkteam.MemberDefinitionProperty(
                    cognito_member_definition=sagemaker.CfnWorkteam.CognitoMemberDefinitionProperty(
                        cognito_user_pool=pool.user_pool_id,
                        cognito_user_group=group.ref,
                        cognito_client_id=client.ref,
                    )
                )
            ],
        )
        team.add_resource_dependency(workforce)
        self.arn = team.ref
