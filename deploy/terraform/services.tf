# What all services share. The services themselves exist once `image` is set.

locals {
  services = var.image == "" ? 0 : 1

  warehouse = {
    HIREHOUSE_TARGET   = "redshift"
    REDSHIFT_METHOD    = "iam"
    REDSHIFT_HOST      = aws_redshiftserverless_workgroup.main.endpoint[0].address
    REDSHIFT_USER      = ""
    REDSHIFT_DATABASE  = aws_redshiftserverless_namespace.main.db_name
    HIREHOUSE_S3_STAGE = "s3://${aws_s3_bucket.main["stage"].bucket}/stage"
    HIREHOUSE_IAM_ROLE = aws_iam_role.copy.arn
    AWS_REGION         = var.region
  }

  events = "s3://${aws_s3_bucket.main["events"].bucket}/events"
}

resource "aws_ecr_repository" "main" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

# The file that `hirehouse collect-keys add` writes: digests, not keys. Its value is put by hand.
resource "aws_secretsmanager_secret" "keys" {
  name = "${var.name}-write-keys"
}

resource "aws_ecs_cluster" "main" {
  name = var.name
}

resource "aws_cloudwatch_log_group" "main" {
  for_each          = toset(["collect", "run"])
  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_days
}
