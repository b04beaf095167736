resource "aws_redshiftserverless_namespace" "main" {
  namespace_name       = var.name
  db_name              = "hirehouse"
  admin_username       = "admin"
  iam_roles            = [aws_iam_role.copy.arn]
  default_iam_role_arn = aws_iam_role.copy.arn
  log_exports          = ["userlog", "connectionlog"]

  # The password is made and rotated by AWS, in a secret of its own.
  manage_admin_password = true
}

resource "aws_redshiftserverless_workgroup" "main" {
  workgroup_name      = var.name
  namespace_name      = aws_redshiftserverless_namespace.main.namespace_name
  base_capacity       = var.base_capacity
  max_capacity        = var.max_capacity
  port                = 5439
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.warehouse.id]
  publicly_accessible = false

  config_parameter {
    parameter_key   = "require_ssl"
    parameter_value = "true"
  }

  # Seconds that a query may run: longer than a full refresh of the largest model.
  config_parameter {
    parameter_key   = "max_query_execution_time"
    parameter_value = "14400"
  }
}

resource "aws_redshiftserverless_usage_limit" "daily" {
  resource_arn  = aws_redshiftserverless_workgroup.main.arn
  usage_type    = "serverless-compute"
  amount        = var.rpu_hours_a_day
  period        = "daily"
  breach_action = "deactivate"
}

resource "aws_security_group" "warehouse" {
  name        = "${var.name}-warehouse"
  description = "Connections to Redshift"
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "warehouse" {
  security_group_id            = aws_security_group.warehouse.id
  description                  = "The loop, the nightly tests, and what else is in its group"
  referenced_security_group_id = aws_security_group.run.id
  ip_protocol                  = "tcp"
  from_port                    = aws_redshiftserverless_workgroup.main.port
  to_port                      = aws_redshiftserverless_workgroup.main.port
}
