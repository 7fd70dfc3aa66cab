"""Human review of an environment: the desk's functions, the page and its API, who signs in, alarms. Only where it is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import (
    Aws,
    CfnOutput,
    Duration,
    Environment,
    RemovalPolicy,
    Stack,
    aws_apigateway as apigateway,
    aws_cloudwatch as cloudwatch,
    aws_cognito as cognito,
    aws_events as events,
    aws_events_targets as targets,
    aws_iam as iam,
    aws_sns as sns,
)
from constructs import Construct

from model_monitor import contract
from stacks import configuration, findings
from stacks.constructs import permissions
from stacks.constructs.monitor_alarm import ABOVE, BELOW, Watched
from stacks.constructs.python_function import FOLDER, PythonFunction, PythonFunctionProps
from stacks.constructs.told_alarm import Told, tell
from stacks.settings.endpoint import Endpoint
from stacks.settings.review import Review, ReviewApp
from stacks.storage_stack import StorageStack

ROUND_MINUTES = 15
STAGE = "review"
REVIEWS_FILE = "reviews.json"
PAGE = ("page.html", "page.js", "page.css")
CALLS_PER_SECOND, CALLS_AT_ONCE = 50, 100  # of all reviewers together


@dataclass(frozen=True, kw_only=True)
class ReviewProps:
    """Whose predictions. endpoints: those with a review block."""

    environment: str
    endpoints: Mapping[str, Endpoint]
    app: ReviewApp
    storage: StorageStack
    topic: sns.ITopic
    keep_data: bool


class ReviewStack(Stack):
    """The clerk, the page, its sign-in."""

    def __init__(self, scope: Construct, construct_id: str, props: ReviewProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: human review of predictions")
        self._props = props
        self._group_prefix = contract.review_group(props.environment, "")
        self.clerk = self._clerk()
        self.api = self._api()
        pool, authority = self._pool()
        client_id = self._client(pool)
        self.page = self._page(client_id, authority)
        self._routes(pool)
        for name, endpoint in props.endpoints.items():
            if endpoint.review is not None:
                self._alarms(name, endpoint.review)
        self._failing()
        CfnOutput(self, "ReviewPage", value=self._address, description="Where reviewers work")

    # --- the clerk ---------------------------------------------------------------------------------------------------

    def _clerk(self) -> PythonFunction:
        props, storage = self._props, self._props.storage
        clerk = PythonFunction(
            self,
            "Clerk",
            PythonFunctionProps(
                code="review_clerk",
                description="Puts predictions before people, and writes their answers as labels",
                environment={
                    "TABLE": storage.table.table_name,
                    "GROUND_TRUTH_BUCKET": storage.ground_truth.bucket_name,
                    "NAMESPACE": contract.NAMESPACE_OWN,
                },
                timeout=Duration.minutes(5),
                keeps_failed=True,
                files={REVIEWS_FILE: configuration.reviews(props.endpoints)},
            ),
        )
        self._allow_desk(clerk)
        places = {name: storage.places(name, endpoint) for name, endpoint in props.endpoints.items()}
        permissions.allow_reading(clerk.role, next(iter(places.values())).reports)  # all endpoints have one
        for place in {each.ground_truth.uri: each.ground_truth for each in places.values()}.values():
            permissions.allow_writing(clerk.role, place)
        permissions.allow_key(clerk.role, storage.key)
        permissions.allow_metrics(clerk.role, contract.NAMESPACE_OWN)
        events.Rule(
            self,
            "RunEnded",
            description="Runs that may have left predictions for people",
            event_pattern=events.EventPattern(
                source=["model-monitor"],
                detail_type=["Monitoring Run Ended"],
                detail={
                    "schedule": [each["schedule"] for each in configuration.review_index(props.endpoints).values()]
                },
            ),
            targets=[targets.LambdaFunction(clerk.function, retry_attempts=3)],
        )
        events.Rule(
            self,
            "Round",
            description="Labels of what was answered",
            schedule=events.Schedule.rate(Duration.minutes(ROUND_MINUTES)),
            targets=[targets.LambdaFunction(clerk.function, retry_attempts=0)],  # the next round is near
        )
        return clerk

    def _allow_desk(self, function: PythonFunction) -> None:
        """The items of review desks alone: of a table that holds runs and decisions, too."""
        calls = ("DeleteItem", "GetItem", "PutItem", "Query")
        of_reviews = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["review#*"]}}
        permissions.allow_items(function.role, self._props.storage.table, calls, of_reviews)

    # --- who signs in ------------------------------------------------------------------------------------------------

    def _pool(self) -> tuple[cognito.IUserPool, str]:
        """People, and the address of their sign-in pages."""
        app = self._props.app
        if app.user_pool_arn is not None and app.sign_in_domain is not None:
            return cognito.UserPool.from_user_pool_arn(self, "People", app.user_pool_arn), app.sign_in_domain
        pool = cognito.UserPool(
            self,
            "People",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(sms=False, otp=True),
            password_policy=cognito.PasswordPolicy(
                min_length=12, require_digits=True, require_lowercase=True, require_symbols=True, require_uppercase=True
            ),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            removal_policy=RemovalPolicy.RETAIN if self._props.keep_data else RemovalPolicy.DESTROY,
        )
        findings.accept(
            pool, "COG8", "the paid plan is the account's choice; people are invited and sign in with two factors"
        )
        prefix = f"review-{self._props.environment}-{Aws.ACCOUNT_ID}"
        pool.add_domain("SignIn", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix))
        for name in self._props.endpoints:
            cognito.CfnUserPoolGroup(
                self,
                f"Reviewers-{name}",
                user_pool_id=pool.user_pool_id,
                group_name=contract.review_group(self._props.environment, name),
                description=f"Reviewers of predictions of {name}",
            )
        CfnOutput(self, "ReviewersPool", value=pool.user_pool_id, description="Invite reviewers into this user pool")
        return pool, f"https://{prefix}.auth.{Aws.REGION}.amazoncognito.com"

    def _client(self, pool: cognito.IUserPool) -> str:
        """The page as a client of the pool: a code exchanged with a proof (PKCE), no secret."""
        client = cognito.CfnUserPoolClient(
            self,
            "Page",
            user_pool_id=pool.user_pool_id,
            generate_secret=False,
            allowed_o_auth_flows=["code"],
            allowed_o_auth_flows_user_pool_client=True,
            allowed_o_auth_scopes=["openid", "email"],
            callback_ur_ls=[self._address],
            supported_identity_providers=list(self._props.app.identity_providers),
            prevent_user_existence_errors="ENABLED",
        )
        return client.ref

    # --- the page and its API ----------------------------------------------------------------------------------------

    @property
    def _address(self) -> str:
        return f"https://{self.api.rest_api_id}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}/{STAGE}/"

    def _api(self) -> apigateway.RestApi:
        inside = self._props.app.vpc_endpoint_id
        api = apigateway.RestApi(
            self,
            "Api",
            description="Human review: the page and its API",
            endpoint_types=[apigateway.EndpointType.REGIONAL if inside is None else apigateway.EndpointType.PRIVATE],
            policy=None if inside is None else _only_through(inside),
            cloud_watch_role=False,  # one of an account; it is not ours to set
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                throttling_rate_limit=CALLS_PER_SECOND,
                throttling_burst_limit=CALLS_AT_ONCE,
                tracing_enabled=True,
                metrics_enabled=True,
            ),
        )
        api.node.try_remove_child("Endpoint")  # an output that says nothing: ours tells people where the page is
        logs = "API Gateway logs through a role of the whole account; each answer is kept with its person, in the table"
        findings.accept(api, "APIG1", logs)
        findings.accept(api, "APIG6", logs)
        findings.accept(api, "APIG2", "the function checks each request")
        findings.accept(
            api, "APIG3", "a firewall is the account's choice; calls are limited, and all but the page needs a sign-in"
        )
        return api

    def _page(self, client_id: str, authority: str) -> PythonFunction:
        props = self._props
        page = PythonFunction(
            self,
            "Desk",
            PythonFunctionProps(
                code="review",
                description="The page that reviewers work with, and its API",
                environment={
                    "TABLE": props.storage.table.table_name,
                    "GROUP_PREFIX": self._group_prefix,
                    "GROUPS_CLAIM": props.app.groups_claim,
                    "AUTHORITY": authority,
                    "CLIENT_ID": client_id,
                },
                timeout=Duration.seconds(29),  # API Gateway's own limit
                megabytes=512,
                files={REVIEWS_FILE: configuration.reviews(props.endpoints)}
                | {name: (FOLDER / "review" / name).read_bytes() for name in PAGE},
            ),
        )
        self._allow_desk(page)
        return page

    def _routes(self, pool: cognito.IUserPool) -> None:
        """The page is for everybody who reaches it and tells nothing; all else is for people who signed in."""
        to_page = apigateway.LambdaIntegration(self.page.function)
        people = apigateway.CognitoUserPoolsAuthorizer(self, "SignedIn", cognito_user_pools=[pool])
        root = self.api.root
        open_ = [root, *(root.add_resource(name) for name in ("page.js", "page.css", "config.json"))]
        for resource in open_:
            method = resource.add_method("GET", to_page)
            for rule in ("APIG4", "COG4"):
                findings.accept(method, rule, "the page itself holds no data, and has to load before anybody signs in")
        below = root.add_resource("api").add_resource("{proxy+}")
        for verb in ("GET", "POST"):
            below.add_method(verb, to_page, authorizer=people, authorization_type=apigateway.AuthorizationType.COGNITO)

    # --- alarms ------------------------------------------------------------------------------------------------------

    def _alarms(self, name: str, review: Review) -> None:
        hours, share = review.alarms.oldest_hours, review.alarms.model_agreement
        self._alarm(
            name,
            "review-waits",
            f"A prediction of {name} has waited for a reviewer for more than {hours:g} hours.",
            "review_oldest_hours",
            threshold=hours,
            operator=ABOVE,
        )
        if share:
            self._alarm(
                name,
                "review-disagrees",
                f"Reviewers of {name} agree with the model in less than {share:.0%} of a week's labels.",
                "review_model_agreement",
                threshold=share,
                operator=BELOW,
            )

    def _alarm(
        self,
        name: str,
        what: str,
        description: str,
        metric: str,
        *,
        threshold: float,
        operator: cloudwatch.ComparisonOperator,
    ) -> None:
        tell(
            self,
            f"{name}-{what}",
            Told(environment=self._props.environment, of=name, topic=self._props.topic),
            Watched(
                what=what,
                description=description,
                metric=cloudwatch.Metric(
                    namespace=contract.NAMESPACE_OWN,
                    metric_name=metric,
                    dimensions_map={"Endpoint": name},
                    period=Duration.hours(1),
                    statistic="Maximum",
                ),
                threshold=threshold,
                operator=operator,
            ),
        )

    def _failing(self) -> None:
        """Tasks that could not be put, or labels that could not be written."""
        tell(
            self,
            "ClerkFailed",
            Told(environment=self._props.environment, of="review", topic=self._props.topic),
            Watched(
                what="clerk-failed",
                description="The clerk of human review failed. Its log says why; its queue keeps what it could not take in.",
                metric=self.clerk.function.metric_errors(period=Duration.minutes(ROUND_MINUTES), statistic="Sum"),
            ),
        )


def _only_through(vpc_endpoint: str) -> iam.PolicyDocument:
    """Callers inside of one VPC alone."""
    everybody, calls = [iam.AnyPrincipal()], ["execute-api:Invoke"]
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(principals=everybody, actions=calls, resources=["execute-api:/*"]),
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=everybody,
                actions=calls,
                resources=["execute-api:/*"],
                conditions={"StringNotEquals": {"aws:SourceVpce": vpc_endpoint}},
            ),
        ]
    )
