"""Two queues between the clerk and a company's own labelling tool: tasks out, answers back."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration, aws_iam as iam, aws_sqs as sqs
from constructs import Construct

from stacks.constructs import permissions

READ = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage")
MOST_RECEIVES = 5  # of a message that nobody can read, before it is put aside


class LabellingQueues(Construct):
    """unreadable: messages that are put aside, of either queue."""

    def __init__(
        self, scope: Construct, construct_id: str, *, endpoint: str, tool_role_arn: str, clerk: iam.IRole
    ) -> None:
        super().__init__(scope, construct_id)
        self.unreadable = self._queue("Unreadable")
        put_aside = sqs.DeadLetterQueue(queue=self.unreadable, max_receive_count=MOST_RECEIVES)
        self.tasks = self._queue("Tasks", put_aside)
        self.answers = self._queue("Answers", put_aside)
        tool = iam.ArnPrincipal(tool_role_arn)
        for queue, calls in ((self.tasks, READ), (self.answers, ("sqs:SendMessage",))):
            statement = iam.PolicyStatement(principals=[tool], actions=list(calls), resources=[queue.queue_arn])
            queue.add_to_resource_policy(statement)
        for queue, calls in ((self.tasks, ("sqs:SendMessage",)), (self.answers, READ)):
            permissions.allow(clerk, calls, [queue.queue_arn])
        told = {"Tasks": (self.tasks, "reads tasks"), "Answers": (self.answers, "writes answers")}
        for name, (queue, does) in told.items():
            CfnOutput(self, f"{name}Url", value=queue.queue_url, description=f"Where the tool of {endpoint} {does}")

    def _queue(self, name: str, dead: sqs.DeadLetterQueue | None = None) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=Duration.minutes(10),
            dead_letter_queue=dead,
        )
