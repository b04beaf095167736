# One role for each who does something, with just what it does.
#   collect  writes segments             run   lands and builds, as database user IAMR:<name>-run
#   copy     Redshift uses the stage     task  ECS starts tasks

data "aws_iam_policy_document" "assume" {
  for_each = {
    collect  = "ecs-tasks.amazonaws.com"
    run      = "ecs-tasks.amazonaws.com"
    task     = "ecs-tasks.amazonaws.com"
    copy     = "redshift-serverless.amazonaws.com"
    schedule = "scheduler.amazonaws.com"
    backup   = "backup.amazonaws.com"
  }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = each.key == "copy" ? [each.value, "redshift.amazonaws.com"] : [each.value]
    }
  }
}

resource "aws_iam_role" "collect" {
  name               = "${var.name}-collect"
  assume_role_policy = data.aws_iam_policy_document.assume["collect"].json
}

data "aws_iam_policy_document" "collect" {
  statement {
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.main["events"].arn}/events/*"]
  }

  # Whether the bucket is there.
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.main["events"].arn]
  }
}

resource "aws_iam_role_policy" "collect" {
  name   = "segments"
  role   = aws_iam_role.collect.id
  policy = data.aws_iam_policy_document.collect.json
}

resource "aws_iam_role" "run" {
  name               = "${var.name}-run"
  assume_role_policy = data.aws_iam_policy_document.assume["run"].json
}

data "aws_iam_policy_document" "run" {
  statement {
    actions   = ["s3:ListBucket"]
    resources = [for bucket in aws_s3_bucket.main : bucket.arn]
  }

  # To remove a segment adds a marker: without s3:DeleteObjectVersion none is lost.
  statement {
    actions   = ["s3:GetObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.main["events"].arn}/events/*"]
  }

  statement {
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.main["stage"].arn}/*"]
  }

  statement {
    actions   = ["redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup"]
    resources = [aws_redshiftserverless_workgroup.main.arn]
  }
}

resource "aws_iam_role_policy" "run" {
  name   = "land-and-build"
  role   = aws_iam_role.run.id
  policy = data.aws_iam_policy_document.run.json
}

resource "aws_iam_role" "copy" {
  name               = "${var.name}-copy"
  assume_role_policy = data.aws_iam_policy_document.assume["copy"].json
}

data "aws_iam_policy_document" "copy" {
  # COPY reads, and the UNLOAD of an export writes.
  statement {
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.main["stage"].arn}/*"]
  }

  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.main["stage"].arn]
  }
}

resource "aws_iam_role_policy" "copy" {
  name   = "stage"
  role   = aws_iam_role.copy.id
  policy = data.aws_iam_policy_document.copy.json
}

resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  assume_role_policy = data.aws_iam_policy_document.assume["task"].json
}

resource "aws_iam_role_policy_attachment" "task" {
  role       = aws_iam_role.task.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

data "aws_iam_policy_document" "task" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.keys.arn]
  }
}

resource "aws_iam_role_policy" "task" {
  name   = "secrets"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}
