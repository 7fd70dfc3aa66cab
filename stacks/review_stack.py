"""Human review of an environment: the clerk; people at the kit's own page, or elsewhere; alarms. Only where it is configured."""

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
    aws_sns as sns,
)
from constructs import Construct

from model_monitor import contract
from stacks import configuration, findings
from stacks.constructs import permissions
from stacks.constructs.human_flow import LOOPS, HumanFlow, HumanFlowProps, flow_maker
from stacks.constructs.labelling_queues import LabellingQueues
from stacks.constructs.monitor_alarm import ABOVE, BELOW, Watched
from stacks.constructs.places import Place
from stacks.constructs.python_function import CORE, PythonFunction, PythonFunctionProps
from stacks.constructs.review_api import STAGE, review_api
from stacks.constructs.told_alarm import Told, tell
from stacks.constructs.work_team import WorkTeam
from stacks.settings.endpoint import Endpoint
from stacks.settings.review import AugmentedAi, LabellingQueue, LabellingWebhook, Review, ReviewApp
from stacks.storage_stack import StorageStack

ROUND_MINUTES = 15
REVIEWS_FILE = "reviews.json"
PAGE = ("page.html", "page.js", "page.css")
PAGE_FOLDER = "model_monitor/review/page"
DESK = tuple(f"model_monitor.review.{name}" for name in ("backend", "desk", "records", "store"))
OUTSIDE = (*DESK, *(f"model_monitor.review.{name}" for name in ("labelling_tool", "outside")))
CLERK = (*OUTSIDE, "model_monitor.review.augmented_ai", "model_monitor.labels.truth_lines")
HOOKS = "hooks"  # below which a webhook's answers are posted


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
    """The clerk; the page and its sign-in where people work with it; the ways to people who work elsewhere."""

    def __init__(self, scope: Construct, construct_id: str, props: ReviewProps, *, env: Environment) -> None:
        super().__init__(scope, construct_id, env=env, description="Model monitoring: human review of predictions")
        self._props = props
        self._group_prefix = contract.review_group(props.environment, "")
        self._reviews = {name: each.review for name, each in props.endpoints.items() if each.review is not None}
        self._at_page = [name for name, review in self._reviews.items() if review.workforce is None]
        self.clerk = self._clerk()
        self._people: cognito.UserPool | None = None
        self._maker: PythonFunction | None = None
        self._team: WorkTeam | None = None
        if self._at_page:
            self._open_page()
        self._reach_workforces()
        for name, review in self._reviews.items():
            self._alarms(name, review)
        self._failing()

    def _open_page(self) -> None:
        """The kit's own page."""
        self.api = self._api()
        pool, authority = self._pool()
        client_id = self._client(pool)
        self.page = self._page(client_id, authority)
        self._routes(pool)
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
                    "KMS_KEY": storage.key.key_arn,
                    "NAMESPACE": contract.NAMESPACE_OWN,
                },
                timeout=Duration.minutes(5),
                keeps_failed=True,
                core=CLERK,
                files={REVIEWS_FILE: configuration.reviews(props.endpoints)},
            ),
        )
        self._allow_desk(clerk)
        places = [storage.places(name, props.endpoints[name]) for name in self._reviews]
        permissions.allow_reading(clerk.role, places[0].reports)  # all endpoints have one
        permissions.allow_writings(clerk.role, [each.ground_truth for each in places])
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
        pool = self._created_pool()
        for name in self._at_page:
            cognito.CfnUserPoolGroup(
                self,
                f"Reviewers-{name}",
                user_pool_id=pool.user_pool_id,
                group_name=contract.review_group(self._props.environment, name),
                description=f"Reviewers of predictions of {name}",
            )
        return pool, f"https://{self._sign_in_prefix}.auth.{Aws.REGION}.amazoncognito.com"

    @property
    def _sign_in_prefix(self) -> str:
        return f"review-{self._props.environment}-{Aws.ACCOUNT_ID}"

    def _created_pool(self) -> cognito.UserPool:
        """One for the page and for a work team."""
        if self._people is not None:
            return self._people
        pool = self._people = cognito.UserPool(
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
        pool.add_domain("SignIn", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=self._sign_in_prefix))
        CfnOutput(self, "ReviewersPool", value=pool.user_pool_id, description="Invite reviewers into this user pool")
        return pool

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
        return review_api(self, "Api", "Human review: the page and its API", self._props.app.vpc_endpoint_id)

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
                core=(*DESK, "model_monitor.review.service"),
                files={REVIEWS_FILE: configuration.reviews({name: props.endpoints[name] for name in self._at_page})}
                | {path: (CORE / path).read_bytes() for path in (f"{PAGE_FOLDER}/{name}" for name in PAGE)},
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

    # --- people who work elsewhere -----------------------------------------------------------------------------------

    def _reach_workforces(self) -> None:
        """How the clerk reaches them, by endpoint."""
        found: dict[str, dict[str, object]] = {}
        for name, review in self._reviews.items():
            workforce = review.workforce
            if isinstance(workforce, AugmentedAi):
                found[name] = self._loops(name, review, workforce)
            elif isinstance(workforce, LabellingQueue):
                found[name] = self._queues(name, workforce)
            elif isinstance(workforce, LabellingWebhook):
                found[name] = {"kind": "webhook", "url": workforce.url, "secret": workforce.secret_parameter}
            if workforce is not None:
                found[name]["at_once"] = workforce.records_per_task
        if found:
            self.clerk.function.add_environment("WORKFORCES", self.to_json_string(found))
        hooks = {name: each.workforce for name, each in self._reviews.items()}
        self._hooks({name: each for name, each in hooks.items() if isinstance(each, LabellingWebhook)})

    def _loops(self, name: str, review: Review, workforce: AugmentedAi) -> dict[str, object]:
        """Human loops of Augmented AI: how they are made, and who is told that one ended."""
        if self._maker is None:
            self._maker = flow_maker(self)
        flow = HumanFlow(
            self,
            f"Flow-{name}",
            HumanFlowProps(
                endpoint=name,
                work_team_arn=workforce.work_team_arn or self._team_arn(),
                task_title=workforce.task_title,
                minutes_per_task=workforce.minutes_per_task,
                wait_days=review.wait_days,
                opinions=(1, 2) if review.second_opinions else (1,),
                answers=self._answers(name),
                key=self._props.storage.key,
                maker=self._maker,
            ),
        )
        flow.allow_loops(self.clerk.role)
        events.Rule(
            self,
            f"LoopEnded-{name}",
            description=f"Human loops about {name} that are over",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker A2I HumanLoop Status Change"],
                detail={"flowDefinitionArn": flow.arns},
            ),
            targets=[targets.LambdaFunction(self.clerk.function, retry_attempts=3)],
        )
        return {"kind": "a2i", "flows": flow.flows}

    def _answers(self, name: str) -> Place:
        """Where the service writes answers: beside reports, and kept as long."""
        reports = self._props.storage.places(name, self._props.endpoints[name]).reports
        return Place(reports.bucket_name, reports.bucket_arn, f"{LOOPS}{name}/")

    def _team_arn(self) -> str:
        if self._team is None:
            self._team = WorkTeam(self, "Team", pool=self._created_pool(), environment=self._props.environment)
        return self._team.arn

    def _queues(self, name: str, workforce: LabellingQueue) -> dict[str, object]:
        queues = LabellingQueues(
            self, f"Queues-{name}", endpoint=name, tool_role_arn=workforce.tool_role_arn, clerk=self.clerk.role
        )
        tell(
            self,
            f"{name}-answers-unreadable",
            Told(environment=self._props.environment, of=name, topic=self._props.topic),
            Watched(
                what="review-answers-unreadable",
                description=f"The labelling tool of {name} and the clerk cannot read what the other sent. A queue keeps it.",
                metric=queues.unreadable.metric_approximate_number_of_messages_visible(period=Duration.minutes(15)),
            ),
        )
        return {"kind": "queue", "tasks": queues.tasks.queue_url, "answers": queues.answers.queue_url}

    def _hooks(self, webhooks: Mapping[str, LabellingWebhook]) -> None:
        """Where tools post their answers: whoever signs with an endpoint's secret is believed."""
        if not webhooks:
            return
        secrets = {name: each.secret_parameter for name, each in webhooks.items()}
        function = PythonFunction(
            self,
            "Answers",
            PythonFunctionProps(
                code="review_answers",
                description="Takes in what labelling tools answer",
                environment={"TABLE": self._props.storage.table.table_name, "SECRETS": self.to_json_string(secrets)},
                timeout=Duration.seconds(29),  # API Gateway's own limit
                megabytes=512,
                core=OUTSIDE,
                files={REVIEWS_FILE: configuration.reviews({name: self._props.endpoints[name] for name in webhooks})},
            ),
        )
        self._allow_desk(function)
        parameters = [
            self.format_arn(service="ssm", resource="parameter", resource_name=name.lstrip("/"))
            for name in sorted(set(secrets.values()))
        ]
        for role in (function.role, self.clerk.role):
            permissions.allow(role, ["ssm:GetParameter"], parameters)
            permissions.allow_key_through(role, self, "ssm")
        api = review_api(self, "Hooks", "Human review: answers of labelling tools", self._props.app.vpc_endpoint_id)
        resource = api.root.add_resource(HOOKS).add_resource("{endpoint}")
        method = resource.add_method("POST", apigateway.LambdaIntegration(function.function))
        for rule in ("APIG4", "COG4"):
            findings.accept(method, rule, "a tool proves who it is by its signature, which the function checks")
        CfnOutput(self, "ReviewAnswers", value=api.url_for_path(f"/{HOOKS}"), description="Where labelling tools post")

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
