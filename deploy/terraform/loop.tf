# The loop that lands and builds, and the data tests, which it does not run.

resource "aws_security_group" "run" {
  name        = "${var.name}-run"
  description = "The loop"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "run_metrics" {
  security_group_id = aws_security_group.run.id
  description       = "Prometheus"
  cidr_ipv4         = var.cidr
  ip_protocol       = "tcp"
  from_port         = 9100
  to_port           = 9100
}

resource "aws_vpc_security_group_egress_rule" "run" {
  security_group_id = aws_security_group.run.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "run_warehouse" {
  security_group_id            = aws_security_group.run.id
  referenced_security_group_id = aws_security_group.warehouse.id
  ip_protocol                  = "tcp"
  from_port                    = aws_redshiftserverless_workgroup.main.port
  to_port                      = aws_redshiftserverless_workgroup.main.port
}

locals {
  loop = {
    run = {
      entryPoint = ["hirehouse"]
      command = [
        "run", "--every=${var.round_pause}", "--remove", "--metrics-host=0.0.0.0",
        "--metrics-port=9100", "${local.events}/",
      ]
    }
    test = {
      entryPoint = ["dbt"]
      command    = ["test", "--selector=nightly", "--vars={test_days: 0}"]
    }
  }
}

resource "aws_ecs_task_definition" "loop" {
  for_each                 = local.services == 1 ? local.loop : {}
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 1024
  memory                   = 2048
  execution_role_arn       = aws_iam_role.task.arn
  task_role_arn            = aws_iam_role.run.arn

  container_definitions = jsonencode([{
    name         = each.key
    image        = var.image
    entryPoint   = each.value.entryPoint
    command      = each.value.command
    environment  = [for name, value in local.warehouse : { name = name, value = value }]
    portMappings = [{ containerPort = 9100 }]
    # The most that Fargate gives. A round that is killed loses nothing.
    stopTimeout = 120
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.main["run"].name
        awslogs-region        = var.region
        awslogs-stream-prefix = each.key
      }
    }
  }])
}

# One loop per warehouse: the old one ends before a new one starts.
resource "aws_ecs_service" "run" {
  count                              = local.services
  name                               = "run"
  cluster                            = aws_ecs_cluster.main.id
  task_definition                    = aws_ecs_task_definition.loop["run"].arn
  desired_count                      = 1
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  network_configuration {
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.run.id]
  }

  service_registries {
    registry_arn = aws_service_discovery_service.main["run"].arn
  }
}

resource "aws_scheduler_schedule" "test" {
  count               = local.services
  name                = "${var.name}-test"
  schedule_expression = "cron(15 3 * * ? *)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.main.arn
    role_arn = aws_iam_role.schedule.arn

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.loop["test"].arn
      launch_type         = "FARGATE"

      network_configuration {
        subnets         = aws_subnet.private[*].id
        security_groups = [aws_security_group.run.id]
      }
    }
  }
}

resource "aws_iam_role" "schedule" {
  name               = "${var.name}-schedule"
  assume_role_policy = data.aws_iam_policy_document.assume["schedule"].json
}

data "aws_iam_policy_document" "schedule" {
  statement {
    actions   = ["ecs:RunTask"]
    resources = ["arn:aws:ecs:${var.region}:${data.aws_caller_identity.current.account_id}:task-definition/${var.name}-test:*"]
  }

  statement {
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.run.arn, aws_iam_role.task.arn]
  }
}

resource "aws_iam_role_policy" "schedule" {
  name   = "test"
  role   = aws_iam_role.schedule.id
  policy = data.aws_iam_policy_document.schedule.json
}
