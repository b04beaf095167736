variable "name" {
  description = "Begins the name of each resource. Buckets also get the account's number."
  type        = string
  default     = "hirehouse"
}

variable "region" {
  description = "AWS region of all resources. COPY needs the stage in the region of the warehouse."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network; the first six of its 16 parts become subnets."
  type        = string
  default     = "10.40.0.0/16"
}

variable "image" {
  description = "The image of deploy/Dockerfile, by tag or digest. Empty until it is pushed: no services then."
  type        = string
  default     = ""
}

variable "certificate_arn" {
  description = "ACM certificate of the collectors' host name, in this region."
  type        = string
}

variable "alarm_email" {
  description = "Receives the alarms; empty for none."
  type        = string
  default     = ""
}

variable "collector_cpu" {
  description = "CPU units of a collector: 1024 are one virtual CPU. It uses little more than one."
  type        = number
  default     = 1024
}

variable "collector_count" {
  description = "Fewest and most collectors. Two survive the loss of a zone."
  type = object({
    min = number
    max = number
  })
  default = { min = 2, max = 10 }
}

variable "object_age" {
  description = "Seconds from one object of a collector to its next one. A request waits so long; S3 bills each object."
  type        = number
  default     = 1
}

variable "round_pause" {
  description = "Seconds between two rounds of the loop. The main lever of cost: see docs/production.md."
  type        = number
  default     = 60
}

variable "base_capacity" {
  description = "RPUs that the warehouse starts with, for a query."
  type        = number
  default     = 8
}

variable "max_capacity" {
  description = "RPUs that it grows to, at most."
  type        = number
  default     = 32
}

variable "rpu_hours_a_day" {
  description = "Limit of RPU hours a day, at which queries are turned away until the next day. See the cost levers."
  type        = number
  default     = 256
}

variable "segment_days" {
  description = "Days for which segments are kept after they have landed. They are what a warehouse is restored from."
  type        = number
  default     = 400
}

variable "log_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30
}
