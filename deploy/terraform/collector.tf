resource "aws_lb" "main" {
  name                       = var.name
  load_balancer_type         = "application"
  subnets                    = aws_subnet.public[*].id
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true

  # Less than the 5 seconds after which a collector closes an idle connection: else the balancer may
  # send a request into one that is being closed, and answer 502. If S3 takes longer for once, the
  # answer is 504, and SDKs send again.
  idle_timeout = 4
}

resource "aws_lb_target_group" "collect" {
  name                 = "${var.name}-collect"
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 30

  health_check {
    path     = "/ready"
    interval = 10
    timeout  = 5
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
}

# /health and /ready are nobody else's business.
resource "aws_lb_listener_rule" "collect" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 1

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.collect.arn
  }

  condition {
    path_pattern {
      values = ["/v1/*"]
    }
  }
}

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "HTTPS from everywhere"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  security_group_id = aws_security_group.balancer.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id            = aws_security_group.balancer.id
  referenced_security_group_id = aws_security_group.collect.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

resource "aws_security_group" "collect" {
  name        = "${var.name}-collect"
  description = "Collectors"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "collect" {
  security_group_id            = aws_security_group.collect.id
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

resource "aws_vpc_security_group_ingress_rule" "collect_metrics" {
  security_group_id = aws_security_group.collect.id
  description       = "Prometheus"
  cidr_ipv4         = var.cidr
  ip_protocol       = "tcp"
  from_port         = 9101
  to_port           = 9101
}

resource "aws_vpc_security_group_egress_rule" "collect" {
  security_group_id = aws_security_group.collect.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_ecs_task_definition" "collect" {
  count                    = local.services
  family                   = "${var.name}-collect"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.collector_cpu
  memory                   = var.collector_cpu * 2
  execution_role_arn       = aws_iam_role.task.arn
  task_role_arn            = aws_iam_role.collect.arn

  container_definitions = jsonencode([{
    name  = "collect"
    image = var.image
    # A secret comes as a variable, and the collector reads a file.
    entryPoint = ["sh", "-c", "umask 077 && printf %s \"$KEYS\" > /tmp/keys.json && unset KEYS && exec hirehouse \"$@\"", "sh"]
    command = [
      "collect", "--host=0.0.0.0", "--to=${local.events}", "--age=${var.object_age}",
      "--keys=/tmp/keys.json", "--metrics-host=0.0.0.0", "--metrics-port=9101",
    ]
    secrets = [{ name = "KEYS", valueFrom = aws_secretsmanager_secret.keys.arn }]
    environment = [
      { name = "AWS_REGION", value = var.region },
      # The balancer's addresses: its X-Forwarded-For names the client.
      { name = "FORWARDED_ALLOW_IPS", value = var.cidr },
    ]
    portMappings = [{ containerPort = 8080 }, { containerPort = 9101 }]
    ulimits      = [{ name = "nofile", softLimit = 4096, hardLimit = 4096 }]
    stopTimeout  = 60
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.main["collect"].name
        awslogs-region        = var.region
        awslogs-stream-prefix = "collect"
      }
    }
  }])
}

resource "aws_ecs_service" "collect" {
  count           = local.services
  name            = "collect"
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.collect[0].arn
  desired_count   = var.collector_count.min
  launch_type     = "FARGATE"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = aws_subnet.private[*].id
    security_groups = [aws_security_group.collect.id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.collect.arn
    container_name   = "collect"
    container_port   = 8080
  }

  service_registries {
    registry_arn = aws_service_discovery_service.main["collect"].arn
  }

  lifecycle {
    ignore_changes = [desired_count] # is up to the scaling below
  }

  depends_on = [aws_lb_listener_rule.collect]
}

resource "aws_appautoscaling_target" "collect" {
  count              = local.services
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.collect[0].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.collector_count.min
  max_capacity       = var.collector_count.max
}

resource "aws_appautoscaling_policy" "collect" {
  count              = local.services
  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.collect[0].service_namespace
  resource_id        = aws_appautoscaling_target.collect[0].resource_id
  scalable_dimension = aws_appautoscaling_target.collect[0].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = 50

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
